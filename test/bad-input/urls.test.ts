import { ASSETS_OPTIONS, type AssetsOptions } from '../../src/assets/assets-options.js';
import type { EgressConfig } from '../../src/egress/create-egress.js';
import { EGRESS_OPTIONS } from '../../src/egress/egress.module.js';
import type { Resolve } from '../../src/egress/guarded-connect.js';
import type { JobView } from '../../src/jobs/view/job-view.js';
import { type Kiln, startKiln } from '../support/kiln.js';
import { tinyPng } from '../support/media.js';
import { type Envelope, leftBehind, type Peer, startPeer } from './harness.js';

const MAX_BYTES = 100_000;

let kiln: Kiln;
let peer: Peer;
/** A host that nothing may reach: what answers here was fetched by mistake. */
let inner: Peer;
beforeAll(async () => {
  [peer, inner] = await Promise.all([startPeer(), startPeer()]);
  kiln = await startKiln({ env: { KILN_MAX_UPLOAD_BYTES: String(MAX_BYTES), KILN_EGRESS_ALLOW: peer.host } });
  const { urlFetch } = kiln.app.get<AssetsOptions>(ASSETS_OPTIONS);
  Object.assign(urlFetch, { headersTimeoutMs: 300, totalTimeoutMs: 1500, firstRetryMs: 1 });
});
afterAll(async () => {
  await kiln.drop();
  await Promise.all([peer.close(), inner.close()]);
});

const wan = (image: unknown): Record<string, unknown> => ({
  model: 'wan-2.2',
  input: { prompt: 'it moves', image, duration_seconds: 1 },
});
const run = async (url: string): Promise<JobView> => kiln.finished((await kiln.post(wan(url))).id);

/** Answers of the resolver in order; the last one stays. */
function resolveTo(...answers: string[]): { asked: string[]; restore: () => void } {
  const options = kiln.app.get<EgressConfig>(EGRESS_OPTIONS);
  const asked: string[] = [];
  const resolve: Resolve = async (hostname) => {
    const address = answers[Math.min(asked.length, answers.length - 1)] ?? '';
    asked.push(`${hostname} ${address}`);
    return [{ address, family: 4 }];
  };
  Object.assign(options, { resolve });
  return { asked, restore: () => void delete options.resolve };
}

describe('refused when the job is posted, with 400 that names the field', () => {
  it.each([
    ['the metadata service', 'http://169.254.169.254/latest/meta-data/'],
    ['the metadata service over https', 'https://169.254.169.254/'],
    ['plain http', 'http://example.com/cat.png'],
    ['loopback', 'https://127.0.0.1/cat.png'],
    ['loopback in decimal', 'https://2130706433/'],
    ['loopback in hex', 'https://0x7f000001/'],
    ['loopback in octal', 'https://0177.0.0.1/'],
    ['loopback in short', 'https://127.1/'],
    ['loopback of IPv6', 'https://[::1]/'],
    ['a mapped address', 'https://[::ffff:10.0.0.1]/'],
    ['a private network', 'https://10.1.2.3/cat.png'],
    ['no address at all', 'https://0.0.0.0/'],
    ['credentials in the URL', 'https://user:secret@example.com/cat.png'],
    ['another port', 'https://example.com:8443/cat.png'],
    ['a file', 'file:///etc/passwd'],
    ['ftp', 'ftp://example.com/cat.png'],
    ['a name that is no URL', 'cat.png'],
  ])('%s', async (_what, url) => {
    const answer = await kiln.call<Envelope>('POST', '/v1/jobs', wan(url));
    expect(answer).toMatchObject({
      status: 400,
      body: { error: { type: 'invalid_request_error', param: 'input.image' } },
    });
    expect(answer.body.error.message).toContain("'input.image'");
    expect(answer.body.error.message).not.toContain('secret');
  });

  it('a name that resolves inside, without saying where', async () => {
    const dns = resolveTo('10.9.8.7');
    const answer = await kiln.call<Envelope>('POST', '/v1/jobs', wan('https://intranet.example/cat.png'));
    dns.restore();
    expect(answer).toMatchObject({ status: 400, body: { error: { param: 'input.image' } } });
    expect(answer.body.error.message).not.toContain('10.9.8.7');
  });
});

test('a name that is public at the first look-up and loopback at the second is not connected to', async () => {
  const dns = resolveTo('93.184.216.34', '127.0.0.1');
  const job = await run('https://rebind.example/cat.png');
  dns.restore();
  expect(dns.asked).toEqual(['rebind.example 93.184.216.34', 'rebind.example 127.0.0.1']);
  expect(job).toMatchObject({
    status: 'failed',
    error: { code: 'url_blocked', param: 'input.image', retryable: false },
  });
  expect(job.error?.message).not.toContain('127.0.0.1');
});

/** What a URL serves, and how the job ends. */
type Row = [what: string, error: { code: string; says: RegExp } | null, serve: (path: string) => string];
const redirectTo =
  (target: () => string) =>
  (path: string): string =>
    peer.serve(path, (response) => response.writeHead(302, { location: target() }).end());
const bytes =
  (content: () => Buffer | Promise<Buffer>, headers: Record<string, string> = {}) =>
  (path: string): string =>
    peer.serve(
      path,
      (response) => void Promise.resolve(content()).then((body) => response.writeHead(200, headers).end(body)),
    );
let tries = 0;

const ROWS: Row[] = [
  [
    'a redirect to loopback',
    { code: 'url_blocked', says: /may not be fetched/ },
    redirectTo(() => `${inner.origin}/secret`),
  ],
  [
    'a redirect to the metadata service',
    { code: 'url_blocked', says: /may not be fetched/ },
    redirectTo(() => 'http://169.254.169.254/'),
  ],
  ['a redirect to a file', { code: 'url_blocked', says: /may not be fetched/ }, redirectTo(() => 'file:///etc/passwd')],
  [
    'a redirect in a circle',
    { code: 'url_refused', says: /redirects too often/ },
    (path) => redirectTo(() => `${peer.origin}${path}`)(path),
  ],
  ['404', { code: 'url_refused', says: /HTTP 404/ }, (path) => `${peer.origin}${path}`],
  [
    '403',
    { code: 'url_refused', says: /HTTP 403/ },
    (path) => peer.serve(path, (response) => response.writeHead(403).end()),
  ],
  [
    '503 for ever',
    { code: 'url_unreachable', says: /answered with HTTP 503/ },
    (path) => peer.serve(path, (response) => response.writeHead(503).end()),
  ],
  [
    'no answer',
    { code: 'url_unreachable', says: /does not answer in time/ },
    (path) => peer.serve(path, () => undefined),
  ],
  [
    'a connection that is cut',
    { code: 'url_unreachable', says: /broke off/ },
    (path) => peer.serve(path, (response) => response.destroy()),
  ],
  [
    'a body that never ends',
    { code: 'url_unreachable', says: /did not deliver the whole file within 1.5 s/ },
    (path) => peer.serve(path, (response) => void response.writeHead(200).write('x')),
  ],
  [
    'more than is allowed, announced',
    { code: 'too_large', says: /larger than 100000 bytes/ },
    bytes(() => Buffer.alloc(MAX_BYTES + 1)),
  ],
  [
    'more than is allowed, unannounced',
    { code: 'too_large', says: /larger than 100000 bytes/ },
    (path) =>
      peer.serve(path, (response) => {
        response.writeHead(200).write(Buffer.alloc(MAX_BYTES));
        response.end('more');
      }),
  ],
  [
    'a page that says it is a picture',
    { code: 'unknown_type', says: /none of JPEG/ },
    bytes(() => Buffer.from('<html>'), { 'content-type': 'image/png' }),
  ],
  [
    'nothing',
    { code: 'unknown_type', says: /none of JPEG/ },
    bytes(() => Buffer.alloc(0), { 'content-type': 'image/png' }),
  ],
  ['a picture that says it is a page', null, bytes(tinyPng, { 'content-type': 'text/html' })],
  ['a picture behind a redirect', null, (path) => redirectTo(() => bytes(tinyPng)(`${path}-there`))(path)],
  [
    'a picture at the third try',
    null,
    (path) =>
      peer.serve(path, (response) => {
        tries += 1;
        if (tries < 3) response.writeHead(503, { 'retry-after': '1' }).end();
        else void tinyPng().then((png) => response.end(png));
      }),
  ],
];

describe('a URL that answers with', () => {
  // Together, for most of them wait for something.
  let ends: Promise<JobView>[];
  beforeAll(() => {
    ends = ROWS.map(([, , serve], index) => run(serve(`/${index}.png`)));
    for (const end of ends) end.catch(() => undefined);
  });

  it.each(ROWS.map(([what, error], index) => ({ what, error, index })))('$what', async ({ error, index }) => {
    const job = await ends[index];
    if (error === null) expect(job).toMatchObject({ status: 'succeeded', error: null });
    else {
      expect(job).toMatchObject({
        status: 'failed',
        error: { code: error.code, param: 'input.image' },
        attempts: [],
        cost: { charged_micro_usd: 0 },
      });
      expect(job?.error?.message).toMatch(error.says);
    }
  });

  it('and nothing was fetched from inside, and nothing lies about', async () => {
    await Promise.all(ends);
    expect(inner.hits).toEqual([]);
    expect(tries).toBe(3);
    expect(await leftBehind(kiln)).toEqual([]);
  });
});
