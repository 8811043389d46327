//! What tells namespaces apart.

/// What tells one namespace from all others while it lives: the inode of its nsfs file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Id {
    /// Device of the nsfs file system.
    pub device: u64,
    /// Inode of the namespace.
    pub inode: u64,
}
