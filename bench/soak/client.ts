import { setTimeout as sleep } from 'node:timers/promises';

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
  /** The body was read to its end. */
  whole: boolean;
}

export interface Ask {
  method: 'GET' | 'POST';
  path: string;
  /** Secret of the key. */
  secret: string;
  body?: unknown;
  headers?: Record<string, string>;
  /** The client goes away after so long; null: it stays. */
  hangUpAfterMs?: number | null;
}

/** A client that waits longer than this is not waiting for Kiln. */
export const PATIENCE_MS = 120_000;
export const REPEAT_MS = 200;

/** One request; null where no answer came, or the client went away before it. Waits for a server that is away. */
export async function ask(url: string, request: Ask): Promise<Answer | null> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await askOnce(url, request);
    if (answer !== 'away') return answer;
    if (Date.now() > until) throw new Error(`nobody has listened at ${url} for ${PATIENCE_MS} ms`);
    await sleep(REPEAT_MS);
  }
}

async function askOnce(
  url: string,
  { method, path, secret, body, headers, hangUpAfterMs }: Ask,
): Promise<Answer | null | 'away'> {
  try {
    const response = await fetch(url + path, {
      method,
      headers: {
        authorization: `Bearer ${secret}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(hangUpAfterMs ?? PATIENCE_MS),
    });
    return { status: response.status, headers: response.headers, ...(await readAll(response)) };
  } catch (error) {
    const { cause } = error as { cause?: { code?: string } };
    return cause?.code === 'ECONNREFUSED' ? 'away' : null;
  }
}

async function readAll(response: Response): Promise<{ text: string; whole: boolean }> {
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk as Uint8Array, { stream: true });
    return { text, whole: true };
  } catch {
    return { text, whole: false };
  }
}

/** Sends it again until there is an answer that says how it went: a server that is away says nothing, nor does 5xx. */
export async function askUntilAnswered(
  url: string,
  request: Ask,
  onTry: (answer: Answer | null) => void = () => undefined,
): Promise<Answer> {
  const until = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask(url, request);
    onTry(answer);
    if (answer?.whole === true && answer.status < 500 && !isBusy(answer)) return answer;
    if (Date.now() > until)
      throw new Error(
        `${request.method} ${request.path} had no answer: ${answer?.status} ${answer?.text.slice(0, 300)}`,
      );
    await sleep(REPEAT_MS);
  }
}

/** The first try under this Idempotency-Key may still be running. */
const isBusy = ({ status, text }: Answer): boolean => status === 409 && text.includes('idempotency');

/** `error.type`, which is a word in every API's shape; `error.code` may be a number. */
export function errorTypeOf(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { type?: string } };
    return error?.type ?? 'none';
  } catch {
    return 'unreadable';
  }
}
