import { type Sandbox, startSandbox } from '../server.js';
import { call } from '../test-client.js';

/** Helpers of this wire's own tests. */
export const KEY = 'test-key';
export const MODEL = 'claude-opus-4-6';
/** A model that takes sampling, prefill and thinking budgets. */
export const OLD = 'claude-haiku-4-5';

export interface ErrorBody {
  type: 'error';
  error: { type: string; message: string; details?: { error_code: string } };
  request_id: string;
}

export interface MessageBody {
  id: string;
  content: { type: string; id?: string; text?: string; input?: object; thinking?: string; signature?: string }[];
  stop_reason: string;
  stop_sequence: string | null;
  stop_details: object | null;
  usage: Record<string, number>;
}

export interface Headers {
  [name: string]: string;
}
export const AUTH: Headers = { 'x-api-key': KEY, 'anthropic-version': '2023-06-01' };
export const NEWER: Headers = { ...AUTH, 'anthropic-version': '2026-10-21' };

/** A body that is right, with what the test changes. */
export const asked = (more: object = {}): Record<string, unknown> => ({
  model: MODEL,
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hi' }],
  ...more,
});

export async function openWire() {
  const sandbox: Sandbox = await startSandbox({ speed: 0, key: KEY });
  const base = `${sandbox.url}/anthropic/v1`;
  const post = <Body = ErrorBody>(json: unknown, headers: Headers = AUTH, path = '/messages') =>
    call<Body>(`${base}${path}`, { headers, json });
  return {
    sandbox,
    base,
    post,
    /** Refused with 400 and words that match. */
    async expectRefused(json: unknown, message: RegExp, headers: Headers = AUTH): Promise<void> {
      const { status, body } = await post(json, headers);
      expect(body).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
      expect(body.error.message).toMatch(message);
      expect(status).toBe(400);
    },
    /** The events of a streamed answer, as they stand on the wire. */
    async stream(json: Record<string, unknown>, headers: Headers = AUTH): Promise<{ name: string; data: Event }[]> {
      const { body } = await post<string>({ ...json, stream: true }, headers);
      return body
        .split('\n\n')
        .filter((block) => block !== '')
        .map((block) => {
          const [, name = '', data = 'null'] = /^event: (\w+)\ndata: (.+)$/.exec(block) ?? [];
          return { name, data: JSON.parse(data) as Event };
        });
    },
  };
}

export interface Event {
  type: string;
  index?: number;
  delta?: Record<string, string | null>;
  usage?: Record<string, unknown>;
  message?: MessageBody;
  content_block?: { type: string };
  error?: { type: string };
}
