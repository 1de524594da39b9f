// Where clients are made: a folder for each under target/, the generators, and the commands that the README tells.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, rm, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const project = join(here, '../..');
const made = join(project, 'target/clients');
const venv = join(made, 'python');
const modules = join(here, 'typescript/node_modules');

/** The commands of the README's section, by the comment above each. */
const told = new Map([...readFileSync(join(project, 'README.md'), 'utf8')
  .split('\n## Generated clients\n')[1].split('\n## ')[0]
  .matchAll(/^# (.+)\n(.+)$/gm)].map(([, title, command]) => [title, command]));

/** Installs the generators that come from PyPI, where they are not. */
export async function install() {
  const wanted = join(here, 'python/requirements.txt');
  const installed = join(venv, 'installed.txt');
  const same = existsSync(installed) && readFileSync(installed, 'utf8') === readFileSync(wanted, 'utf8');
  if (!same) {
    await run(project, 'python3', '-m', 'venv', '--clear', venv);
    await run(project, join(venv, 'bin/pip'), 'install', '--quiet', '--disable-pip-version-check', '-r', wanted);
    await cp(wanted, installed);
  }
  if (!existsSync(modules)) throw new Error('npm --prefix tests/clients/typescript ci --ignore-scripts comes first');
}

/**
 * A folder with the document, a program and the client that the README's command makes for it.
 * @param {string} title the comment above the command; none where the program's build makes the client
 * @param {Record<string, string>} files what is copied, from tests/clients/ to the folder
 */
export async function make(name, files, title) {
  const folder = join(made, name);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const copy = { '../../openapi/saoma.json': 'saoma.json', ...files };
  for (const [from, to] of Object.entries(copy)) {
    await cp(join(here, from), join(folder, to), { recursive: true, preserveTimestamps: true });
  }
  if (existsSync(join(folder, 'tsconfig.json'))) await symlink(modules, join(folder, 'node_modules'));
  const step = (...command) => run(folder, ...command);
  if (title) await step('sh', '-c', told.get(title) ?? `echo 'README.md has no command for ${title}' >&2; exit 1`);
  return step;
}

/** Files below a folder of a made client with this ending. */
export function files(name, ending) {
  const folder = join(made, name);
  return readdirSync(folder, { recursive: true }).filter((file) => file.endsWith(ending));
}

/** The class path of the generated Java client: Jackson is in the generator itself, the rest is Debian's. */
export function classPath() {
  const [python] = readdirSync(join(venv, 'lib'));
  const generator = join(venv, 'lib', python, 'site-packages/openapi_generator_cli/openapi-generator.jar');
  return [generator, '/usr/share/java/httpmime.jar', '/usr/share/java/geronimo-annotation-1.3-spec.jar'].join(':');
}

/** What a command prints. One that fails tells all it said. */
function run(cwd, command, ...words) {
  const env = {
    ...process.env,
    PATH: `${venv}/bin:${process.env.PATH}`,
    LC_ALL: 'C.UTF-8',
    PYTHONPATH: 'saoma',
    MYPYPATH: 'saoma',
    GOCACHE: join(made, 'go-build'),
    GOPROXY: 'off',
    CARGO_TARGET_DIR: join(made, 'cargo'),
    npm_config_offline: 'true',
  };
  return new Promise((resolve, reject) => {
    execFile(command, words, { cwd, env, maxBuffer: 64 << 20 }, (error, said, complaints) => {
      if (!error) resolve(said);
      else reject(new Error(`${[command, ...words].join(' ').slice(0, 300)}\n${`${said}${complaints}`.slice(-6000)}`));
    });
  });
}
