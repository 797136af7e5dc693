import { startSandbox } from '../server.js';
import { call } from '../test-client.js';

/** Helpers of the text wires' own tests. */
const KEY = 'test-key';
export const AUTH = { authorization: `Bearer ${KEY}` };

/** What tests read of a chunk. */
export interface Chunk {
  id: string;
  object: string;
  choices: {
    index: number;
    delta: Record<string, unknown>;
    finish_reason: string | null;
    usage?: Record<string, unknown>;
  }[];
  usage?: Record<string, unknown> | null;
  x_groq?: Record<string, unknown>;
  error?: Record<string, unknown>;
}

export interface Completion {
  id: string;
  choices: {
    message: Record<string, unknown> & {
      content: string | null;
      tool_calls?: { id: string; function: { name: string; arguments: string }; extra_content?: object }[];
    };
    finish_reason: string;
  }[];
  usage?: Record<string, unknown>;
  error?: Record<string, unknown>;
}

/** The `data:` of each event, parsed where it is JSON. */
export function eventsIn(text: string): (Chunk | string)[] {
  return text
    .split('\n\n')
    .map((event) =>
      event
        .split('\n')
        .find((line) => line.startsWith('data: '))
        ?.slice('data: '.length),
    )
    .filter((data) => data !== undefined)
    .map((data) => (data === '[DONE]' ? data : (JSON.parse(data) as Chunk)));
}

export const chunksIn = (text: string): Chunk[] =>
  eventsIn(text).filter((event): event is Chunk => typeof event !== 'string');

export const textIn = (chunks: Chunk[]): string =>
  chunks.map(({ choices }) => (choices[0]?.delta['content'] as string | undefined) ?? '').join('');

/** A sandbox without latencies, and calls to one of its vendors. */
export async function openText() {
  const sandbox = await startSandbox({ speed: 0, key: KEY });
  const post = <Body = Completion>(path: string, json: object) =>
    call<Body>(`${sandbox.url}${path}`, { headers: AUTH, json });
  const body = (model: string, content: unknown, more: object = {}) => ({
    model,
    messages: [{ role: 'user', content }],
    ...more,
  });
  return {
    sandbox,
    post,
    body,
    ask: (base: string, model: string, content: unknown, more: object = {}) =>
      post(`${base}/chat/completions`, body(model, content, more)),
    stream: async (base: string, model: string, content: unknown, more: object = {}) =>
      (await post<string>(`${base}/chat/completions`, body(model, content, { stream: true, ...more }))).body,
    raw: (base: string, model: string, content: string, more: object = {}) =>
      fetch(`${sandbox.url}${base}/chat/completions`, {
        method: 'POST',
        headers: { ...AUTH, 'content-type': 'application/json' },
        body: JSON.stringify(body(model, content, more)),
      }),
  };
}

export const WEATHER = {
  type: 'function',
  function: {
    name: 'get_weather',
    description: 'Current weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
