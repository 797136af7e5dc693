import { KilnError } from '../../common/errors.js';

/**
 * A facade's fields stand at the top, a job's in `input`, and some have another name: `input.images[1]` of a job is `image[1]`
 * of a form. `names` says which, job's word first.
 */
export function facadeWord(param: string, names: Readonly<Record<string, string>> = {}): string | null {
  if (param === 'input') return null;
  const [, field, rest = ''] = /^input\.([^.[]+)(.*)$/s.exec(param) ?? [];
  return field === undefined ? param : `${names[field] ?? field}${rest}`;
}

/** Whatever `work` refuses is said in the facade's words. */
export async function inFacadeWords<T>(names: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof KilnError ? inWords(error, names) : error;
  }
}

export function inWords(error: KilnError, names: Readonly<Record<string, string>>): KilnError {
  const message = error.message.replaceAll(
    /'(input\.[^'\s]+)'/g,
    (_all, param: string) => `'${facadeWord(param, names)}'`,
  );
  const param = error.param === null ? null : facadeWord(error.param, names);
  const code = error.detail.code;
  const spoken = new KilnError(error.status, error.type, message, { ...error.detail, param, ...(code && { code }) });
  if (error.stack !== undefined) spoken.stack = error.stack;
  return spoken;
}
