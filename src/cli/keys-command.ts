import { parseArgs, type ParseArgsOptionsConfig } from 'node:util';
import type { Env } from '../config/config.js';
import { createKeyBody, listKeysQuery, patchKeyBody, rotateKeyBody } from '../keys/key-bodies.js';
import type { KeyDesk } from './key-desk.js';
import { KEY_OPTIONS, keyBody } from './key-options.js';
import { openDesk } from './open-desk.js';
import { keysText, keyText } from './print-keys.js';
import { UsageError } from './usage-error.js';

type Given = Readonly<Record<string, string | boolean | undefined>>;

interface Outcome {
  /** As the API answers. */
  json: object;
  text: string;
}

interface Command {
  about: string;
  takesId: boolean;
  options: Readonly<Record<string, { value: string; about: string }>>;
  /** Reads the options before anything is opened. */
  prepare: (given: Given, id: string) => (desk: KeyDesk) => Promise<Outcome>;
}

const shown = (key: Parameters<typeof keyText>[0]): Outcome => ({ json: key, text: keyText(key) });
const SECRET_NOTE = 'The secret, shown this once:';

const keyOptions = Object.fromEntries(
  Object.entries(KEY_OPTIONS).map(([name, { value, about }]) => [name, { value, about }]),
);

export const COMMANDS: Readonly<Record<string, Command>> = {
  create: {
    about: 'make a key; its secret is printed once',
    takesId: false,
    options: keyOptions,
    prepare: (given) => {
      const body = keyBody(createKeyBody, given);
      return async (desk) => {
        const made = await desk.create(body);
        return { json: made, text: `${keyText(made)}\n\n${SECRET_NOTE}\n${made.key}` };
      };
    },
  },
  list: {
    about: 'keys, newest first',
    takesId: false,
    options: {
      name: { value: 'NAME', about: 'of this name only' },
      disabled: { value: 'true|false', about: 'only those that are disabled, or only the others' },
      limit: { value: 'N', about: '1 to 100 (100)' },
      after: { value: 'ID', about: 'go on after this key' },
    },
    prepare: (given) => {
      const query: Record<string, string> = { limit: '100' };
      for (const [name, value] of Object.entries(given)) if (typeof value === 'string') query[name] = value;
      assertOption(listKeysQuery.safeParse(query), query);
      return async (desk) => {
        const page = await desk.list(query);
        return { json: page, text: keysText(page) };
      };
    },
  },
  show: {
    about: 'one key, without its secret',
    takesId: true,
    options: {},
    prepare: (_given, id) => async (desk) => shown(await desk.show(id)),
  },
  update: {
    about: 'change what is given; none lifts a limit',
    takesId: true,
    options: keyOptions,
    prepare: (given, id) => {
      const body = keyBody(patchKeyBody, given);
      if (Object.keys(body).length === 0)
        throw new UsageError(`Nothing to change; give one or more of --${Object.keys(KEY_OPTIONS).join(', --')}.`);
      return async (desk) => shown(await desk.update(id, body));
    },
  },
  rotate: {
    about: 'a new secret; the one before works on for the overlap, older ones end at once',
    takesId: true,
    options: { 'overlap-seconds': { value: 'N', about: '0 to 2592000 (86400, a day)' } },
    prepare: (given, id) => {
      const text = given['overlap-seconds'];
      const query =
        typeof text === 'string' ? { overlap_seconds: /^\d{1,9}$/.test(text) ? Number(text) : text } : undefined;
      const body = assertOption(rotateKeyBody.safeParse(query), query ?? {});
      return async (desk) => {
        const rotated = await desk.rotate(id, body);
        const ended = rotated.ended_secrets.map((preview) => `\nended at once: ${preview}`).join('');
        return { json: rotated, text: `${keyText(rotated)}${ended}\n\n${SECRET_NOTE}\n${rotated.key}` };
      };
    },
  },
  disable: {
    about: 'refuse it until it is enabled again',
    takesId: true,
    options: {},
    prepare: (_given, id) => async (desk) => shown(await desk.disable(id)),
  },
  enable: {
    about: 'let it work again',
    takesId: true,
    options: {},
    prepare: (_given, id) => async (desk) => shown(await desk.enable(id)),
  },
  delete: {
    about: 'take it out of use for good; its jobs and money stay',
    takesId: true,
    options: {},
    prepare: (_given, id) => async (desk) => ({ json: await desk.remove(id), text: `${id} is deleted` }),
  },
};

type Checked<T> =
  | { success: true; data: T }
  | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };

function assertOption<T>(checked: Checked<T>, given: Readonly<Record<string, unknown>>): T {
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  const field = String(issue?.path[0]);
  throw new UsageError(
    `--${field.replaceAll('_', '-')} is not valid: ${issue?.message}; got '${String(given[field])}'.`,
  );
}

/** `kiln keys <command> …`; returns what to print. */
export async function runKeys(args: readonly string[], env: Env): Promise<string> {
  const [name = '', ...rest] = args;
  if (name === '' || name === '--help' || name === '-h') return keysHelp();
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined)
    throw new UsageError(`There is no command 'keys ${name}'; there are ${Object.keys(COMMANDS).join(', ')}.`);
  const { values, positionals } = parse(command, rest);
  if (values['help'] === true) return commandHelp(name, command);
  const [id = '', ...more] = positionals;
  if (command.takesId && id === '') throw new UsageError(`'keys ${name}' takes the id of a key.`);
  const unexpected = command.takesId ? more[0] : positionals[0];
  if (unexpected !== undefined) throw new UsageError(`'${unexpected}' is one argument too many.`);
  const { json, help: _help, ...given } = values;
  const act = command.prepare(given, id);
  const opened = await openDesk(env);
  try {
    const outcome = await act(opened.desk);
    return json === true ? JSON.stringify(outcome.json, null, 2) : outcome.text;
  } finally {
    await opened.close();
  }
}

function parse(command: Command, args: readonly string[]): { values: Given; positionals: string[] } {
  const own: ParseArgsOptionsConfig = Object.fromEntries(
    Object.keys(command.options).map((name) => [name, { type: 'string' as const }]),
  );
  const options: ParseArgsOptionsConfig = {
    ...own,
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
  };
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true }) as { values: Given; positionals: string[] };
  } catch (error) {
    // Node names the option; what it says of positional arguments after it is of no help here.
    const [message = ''] = (error as Error).message.split('. To specify');
    throw new UsageError(`${message.replace(/\.$/, '')}. There are --${Object.keys(options).join(', --')}.`);
  }
}

const column = (left: string, about: string): string => `  ${left.padEnd(32)}${about}`;

export const keysHelp = (): string =>
  [
    'Usage: npm run kiln -- keys <command> [options]',
    '',
    ...Object.entries(COMMANDS).map(([name, { takesId, about }]) => column(`${name}${takesId ? ' ID' : ''}`, about)),
    '',
    "With DATABASE_URL and the service's KILN_SECRET it works on the database, whether a service runs or not. Without, it",
    'asks the Kiln that runs on KILN_DATA_DIR (.kiln), as its developer. Changes are obeyed within two seconds.',
    'Exit codes: 0 done, 1 refused or failed, 2 a wrong command line.',
  ].join('\n');

function commandHelp(name: string, { takesId, about, options }: Command): string {
  return [
    `Usage: npm run kiln -- keys ${name}${takesId ? ' ID' : ''} [options]`,
    '',
    `  ${about}`,
    '',
    ...Object.entries(options).map(([option, one]) => column(`--${option} ${one.value}`, one.about)),
    column('--json', 'print what the API answers'),
    column('--help', 'print this'),
  ].join('\n');
}
