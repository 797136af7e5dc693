import sharp from 'sharp';
import { startSandbox } from '../server.js';
import { call } from '../test-client.js';

/** Helpers of this wire's own tests. */
const KEY = 'test-key';
export const AUTH = { authorization: `Bearer ${KEY}` };

export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

export const png = (width: number, height: number, channels: 3 | 4 = 3): Promise<Buffer> =>
  sharp({ create: { width, height, channels, background: { r: 200, g: 30, b: 30, alpha: 0.5 } } })
    .png()
    .toBuffer();

type Part = string | { bytes: Buffer; type: string; name: string };
export type Parts = [string, Part][];
export const file = (bytes: Buffer, type = 'image/png', name = 'a.png'): Part => ({ bytes, type, name });

function form(parts: Parts): FormData {
  const made = new FormData();
  for (const [field, part] of parts)
    if (typeof part === 'string') made.append(field, part);
    else made.append(field, new Blob([new Uint8Array(part.bytes)], { type: part.type }), part.name);
  return made;
}

export const raw = (json: object) => ({
  method: 'POST',
  headers: { ...AUTH, 'content-type': 'application/json' },
  body: JSON.stringify(json),
});

/** What was refused, the body, `param`, `code`, and what the message says. */
export type Refusal = [string, () => Promise<Parts> | Parts | object, string | null, string | null, RegExp];

const isForm = (body: object): body is Parts => Array.isArray(body);

/** A sandbox without latencies, and calls to it. */
export async function openWire(options: { dataDir?: string } = {}) {
  const sandbox = await startSandbox({ speed: 0, key: KEY, ...options });
  const base = `${sandbox.url}/openai/v1`;
  const post = <Body = ErrorBody>(path: string, json: unknown) => call<Body>(`${base}${path}`, { headers: AUTH, json });
  const postForm = <Body = ErrorBody>(path: string, parts: Parts) =>
    call<Body>(`${base}${path}`, { method: 'POST', headers: AUTH, body: form(parts) });
  return {
    sandbox,
    base,
    post,
    postForm,
    get: <Body>(path: string) => call<Body>(`${base}${path}`, { headers: AUTH }),
    async expectRefused(path: string, [, made, param, code, message]: Refusal): Promise<void> {
      const body = await made();
      const { status, body: answer } = await (isForm(body) ? postForm(path, body) : post(path, body));
      expect(status).toBe(400);
      expect(answer.error).toMatchObject({ type: 'invalid_request_error', param, code });
      expect(answer.error.message).toMatch(message);
    },
  };
}

/** What every submit does alike, by fault. */
export function describeSubmitFaults(
  open: () => Awaited<ReturnType<typeof openWire>>,
  path: string,
  body: (prompt: string) => object,
  unanswered: (url: string, init: RequestInit) => Promise<unknown>,
): void {
  it.each([
    ['429', 429, 'rate_limit_exceeded'],
    ['500', 500, null],
    ['503', 503, null],
    ['policy-submit', 400, 'moderation_blocked'],
  ])('refuses the submit with %s, as often as asked', async (name, status, code) => {
    const prompt = `twice [[sandbox:${name}=2]]`;
    for (let attempt = 0; attempt < 2; attempt += 1)
      expect(await open().post(path, body(prompt))).toMatchObject({ status, body: { error: { code } } });
    expect((await open().post(path, body(prompt))).status).toBe(200);
  });

  it('says when to come back', async () => {
    open().sandbox.arm({ provider: 'openai', fault: '429', value: 7 });
    const { headers } = await open().post(path, body('busy'));
    expect([headers.get('retry-after-ms'), headers.get('x-ratelimit-reset-requests')]).toEqual(['7000', '7s']);
  });

  it.each([
    ['hang', 'hang', 0],
    ['drop', 'drop', 0],
    ['hang-after', 'hang', 1],
    ['drop-after', 'drop', 1],
  ])('%s: no answer', async (name, how, accepted) => {
    const before = open().sandbox.counts('openai')['submits_accepted'] ?? 0;
    expect(await unanswered(`${open().base}${path}`, raw(body(`x [[sandbox:${name}]]`)))).toBe(how);
    expect(open().sandbox.counts('openai')['submits_accepted'] ?? 0).toBe(before + accepted);
  });

  it('malformed-submit is half a JSON', async () => {
    const { status, body: text } = await open().post<string>(path, body('x [[sandbox:malformed-submit]]'));
    expect([status, typeof text]).toEqual([200, 'string']);
  });
}
