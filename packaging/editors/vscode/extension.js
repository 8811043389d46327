// Starts `ipvsh lsp` for scripts, and runs them in a terminal.
const vscode = require("vscode");
const { LanguageClient } = require("vscode-languageclient/node");

let client;

function program() {
  return vscode.workspace.getConfiguration("ipvsh").get("path") || "ipvsh";
}

async function start() {
  client = new LanguageClient(
    "ipvsh",
    "ipvsh",
    { command: program(), args: ["lsp"] },
    { documentSelector: [{ language: "rhai" }] },
  );
  await client.start();
}

async function inTerminal(words) {
  const editor = vscode.window.activeTextEditor;
  if (!editor || editor.document.languageId !== "rhai") {
    return;
  }
  await editor.document.save();
  const terminal = vscode.window.createTerminal({
    name: "ipvsh",
    shellPath: program(),
    shellArgs: [...words, editor.document.fileName],
  });
  terminal.show();
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("ipvsh.restart", async () => {
      await client?.stop();
      await start();
    }),
    vscode.commands.registerCommand("ipvsh.run", () => inTerminal(["--sandbox"])),
    vscode.commands.registerCommand("ipvsh.plan", () => inTerminal(["plan"])),
  );
  await start();
}

function deactivate() {
  return client?.stop();
}

module.exports = { activate, deactivate };
