// Python with what `requirements.txt` names, in a folder under `target/`; it is installed when it is not
// there.
import { execFile } from 'node:child_process';
import { copyFile, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const REQUIREMENTS = fileURLToPath(new URL('requirements.txt', import.meta.url));
const ROOM = fileURLToPath(new URL('../../target/tmp/openapi-python/', import.meta.url));
const run = promisify(execFile);
/** @type {Promise<string> | undefined} */
let installed;

/** The path of the interpreter. */
export function python() {
  installed ??= install();
  return installed;
}

async function install() {
  const interpreter = `${ROOM}bin/python`;
  const note = `${ROOM}installed.txt`;
  const wanted = await readFile(REQUIREMENTS, 'utf8');
  if (await readFile(note, 'utf8').catch(() => '') !== wanted) {
    await run('python3', ['-m', 'venv', '--clear', ROOM]);
    await run(interpreter, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', REQUIREMENTS]);
    await copyFile(REQUIREMENTS, note);
  }
  return interpreter;
}
