import { download, unanswered } from '../test-client.js';
import { AUTH, FLUX, KLING, linksOf, TestWire } from './test-wire.js';

let wire: TestWire;

beforeAll(async () => {
  wire = await TestWire.open();
});
afterAll(() => wire.sandbox.close());

describe('switches', () => {
  const submit = (prompt: string) => wire.create(FLUX, { input: { prompt } });
  const raw = (prompt: string) => ({
    method: 'POST',
    headers: { ...AUTH, 'content-type': 'application/json' },
    body: JSON.stringify({ input: { prompt } }),
  });

  it.each([
    ['429', 429],
    ['500', 500],
    ['503', 503],
    ['policy-submit', 400],
  ])('refuses the create with %s, as often as asked', async (name, status) => {
    const prompt = `twice [[sandbox:${name}=2]]`;
    for (let attempt = 0; attempt < 2; attempt += 1) expect((await submit(prompt)).status).toBe(status);
    expect((await submit(prompt)).status).toBe(201);
  });

  it('says when to come back', async () => {
    const { headers, body } = await submit('[[sandbox:429]] x');
    expect(headers.get('retry-after')).toBe('1');
    expect(body).toEqual({ detail: 'Request was throttled. Your rate limit resets in ~1s.' });
  });

  it.each([
    ['hang', 'hang', 0],
    ['drop', 'drop', 0],
    ['hang-after', 'hang', 1],
    ['drop-after', 'drop', 1],
  ])('%s leaves the create unanswered', async (name, how, accepted) => {
    const prompt = `silent [[sandbox:${name}]]`;
    expect(await unanswered(`${wire.api}/${FLUX}`, raw(prompt))).toBe(how);
    const recorded = wire.sandbox.requests({ provider: 'replicate', contains: prompt });
    expect(recorded.filter((entry) => entry.outcome === 'accepted')).toHaveLength(accepted);
    expect(recorded).toHaveLength(1);
  });

  it('answers what is not JSON', async () => {
    expect((await submit('[[sandbox:malformed-submit]] x')).body).toEqual(expect.any(String));
    const id = await wire.started(FLUX, { prompt: 'garbled [[sandbox:malformed]]' });
    expect((await wire.poll(id)).body).toEqual(expect.any(String));
    expect((await wire.poll(id)).body.status).toBe('succeeded');
  });

  it.each([
    ['429-poll', 429],
    ['500-poll', 500],
    ['503-poll', 503],
  ])('refuses polls with %s, then goes on', async (name, status) => {
    const id = await wire.started(FLUX, { prompt: `poll [[sandbox:${name}=2]]` });
    for (let attempt = 0; attempt < 2; attempt += 1) expect((await wire.poll(id)).status).toBe(status);
    expect((await wire.poll(id)).body.status).toBe('succeeded');
  });

  it('a poll is never answered', async () => {
    const id = await wire.started(FLUX, { prompt: 'x [[sandbox:hang-poll]]' });
    expect(await unanswered(`${wire.api}/predictions/${id}`, { headers: AUTH })).toBe('hang');
  });

  it('fails, is withheld, ends empty, vanishes or never ends', async () => {
    const end = async (path: string, fault: string) => wire.finished(path, { prompt: `x [[sandbox:${fault}]]` });
    expect(await end(FLUX, 'fail')).toMatchObject({ status: 'failed', output: null });
    expect((await end(FLUX, 'oom')).error).toMatch(/out of memory/);
    expect((await end(FLUX, 'policy')).error).toMatch(/NSFW/);
    expect((await end(KLING, 'policy')).error).toMatch(/flagged as sensitive.*E005/);
    expect(await end(FLUX, 'empty')).toMatchObject({ status: 'succeeded', output: [] });
    expect(await end(KLING, 'empty')).toMatchObject({ status: 'succeeded', output: null });
    expect((await end(FLUX, 'never')).status).toBe('processing');
    expect((await end(FLUX, 'off-origin')).output).toEqual(['http://169.254.169.254/latest/meta-data/']);
    expect((await wire.poll(await wire.started(FLUX, { prompt: 'x [[sandbox:lost]]' }))).status).toBe(404);
  });

  it('breaks downloads as asked', async () => {
    const link = async (fault: string) =>
      linksOf(await wire.finished(FLUX, { prompt: `x [[sandbox:${fault}]]`, output_format: 'png' }))[0] ?? '';
    const cut = await link('truncate');
    await expect(download(cut)).rejects.toThrow(/terminated|aborted|socket/);
    const whole = await download(cut);
    expect(await download(cut, { range: 'bytes=100-' })).toEqual(whole.subarray(100));
    expect((await fetch(await link('expired'))).status).toBe(404);
    expect((await download(await link('zero-bytes'))).length).toBe(0);
    expect((await fetch(await link('not-media'))).headers.get('content-type')).toMatch(/text\/html/);
  });
});
