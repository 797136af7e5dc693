import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { OpenAPIObject } from '@nestjs/swagger';
import { chromium } from 'playwright-core';
import type { z } from 'zod';
import { ERROR_CODES, ERROR_TYPES } from '../../src/common/error-types.js';
import { OPERATIONS } from '../../src/runtime/openapi/operations.js';
import { error, listOf, SCHEMAS, type SchemaName } from '../../src/runtime/openapi/schemas.js';
import { startKiln, type Kiln } from '../support/kiln.js';
import { tinyMp4, tinyPng } from '../support/media.js';
import { as } from './harness.js';

const ROOT = join(import.meta.dirname, '../..');

const PICTURE = { model: 'flux-dev', input: { prompt: 'a fox', size: '256x256' } };

let kiln: Kiln;
let document: OpenAPIObject;
beforeAll(async () => {
  kiln = await startKiln({ env: { KILN_EGRESS_ALLOW: '127.0.0.1:9' } });
  document = (await kiln.call<OpenAPIObject>('GET', '/openapi.json')).body;
});
afterAll(async () => kiln.drop());

type Described = {
  operationId: string;
  summary: string;
  tags: string[];
  responses: Record<string, unknown>;
  requestBody?: unknown;
};
const operations = (): [string, Described][] =>
  Object.entries(document.paths).flatMap(([path, item]) =>
    Object.entries(item).map(
      ([method, one]) => [`${method.toUpperCase()} ${path}`, one as Described] as [string, Described],
    ),
  );

/** What Fastify itself serves, from the tree it prints. */
function servedRoutes(): string[] {
  const stack: string[] = [];
  const routes: string[] = [];
  for (const line of kiln.app.getHttpAdapter().getInstance().printRoutes({ commonPrefix: false }).split('\n')) {
    const [, indent = '', path = '', methods = ''] = /^([│├└─\s]*)(\S*) \((.*)\)/.exec(line) ?? [];
    if (path === '') continue;
    stack.length = Math.max(indent.length / 4 - 1, 0);
    stack.push(path);
    for (const method of methods.split(', ').filter((one) => one !== 'HEAD' && one !== 'OPTIONS'))
      routes.push(
        `${method} ${stack
          .join('')
          .replaceAll(/:(\w+)/g, '{$1}')
          .replace(/\/?\*$/, '/{path}')}`,
      );
  }
  return routes;
}

describe('the document is complete', () => {
  test('every route of the app is in it, and nothing else', () => {
    const served = servedRoutes().filter((route) => !/^GET \/(docs|openapi)/.test(route));
    expect(served.length).toBeGreaterThan(40);
    expect(served.toSorted()).toEqual(Object.keys(OPERATIONS).toSorted());
    const shown = Object.entries(OPERATIONS).map(([route, { path }]) =>
      path ? `${route.split(' ')[0]} ${path}` : route,
    );
    expect(
      operations()
        .map(([route]) => route)
        .toSorted(),
    ).toEqual(shown.toSorted());
  });

  test('every operation has a name of its own, a tag, a summary, answers and refusals', () => {
    const names = operations().map(([, { operationId }]) => operationId);
    expect(new Set(names).size).toBe(names.length);
    const tags = new Set(document.tags?.map(({ name }) => name));
    for (const [route, { summary, tags: own, responses }] of operations()) {
      expect([route, summary.length > 8, own.every((tag) => tags.has(tag))]).toEqual([route, true, true]);
      const statuses = Object.keys(responses).map(Number);
      expect([route, statuses.some((status) => status < 400), statuses.includes(500)]).toEqual([route, true, true]);
    }
  });

  test('every POST that takes fields shows them', () => {
    const bodies = operations().filter(([route]) => route.startsWith('POST'));
    const without = bodies.filter(([, { requestBody }]) => requestBody === undefined).map(([route]) => route);
    expect(without.toSorted()).toEqual([
      'POST /admin/jobs/{id}/release',
      'POST /callbacks/{provider}/{token}',
      'POST /v1/uploads/{id}/complete',
      'POST /v1/webhook_deliveries/{id}/redeliver',
      'POST /v1/webhooks/secret/rotate',
    ]);
  });

  test('every reference in it leads somewhere', () => {
    const schemas = document.components?.schemas ?? {};
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    expect(references.length).toBeGreaterThan(50);
    for (const name of references) expect(Object.keys(schemas)).toContain(name);
  });
});

describe('the document is true', () => {
  /** Asks, and reads the answer by the schema that the document names for its status; unknown fields fail. */
  async function check(
    method: string,
    path: string,
    template: string,
    body?: unknown,
  ): Promise<Record<string, unknown>> {
    const answer = await kiln.call(method, path, body);
    const named = OPERATIONS[`${method} ${template}`]?.answers[answer.status];
    if (typeof named !== 'string')
      throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    const item: z.ZodType = SCHEMAS[named.replace('[]', '') as SchemaName];
    const read = (named.endsWith('[]') ? listOf(item) : item).safeParse(answer.body);
    expect([path, read.error?.issues]).toEqual([path, undefined]);
    return answer.body;
  }

  test('of jobs, from the queue to the end', async () => {
    const body = { ...PICTURE, webhook: { url: 'http://127.0.0.1:9/' }, metadata: { a: 'b' } };
    await check('POST', '/v1/jobs/quote', '/v1/jobs/quote', body);
    const { id } = await check('POST', '/v1/jobs', '/v1/jobs', body);
    const at = `/v1/jobs/${String(id)}`;
    await kiln.finished(String(id));
    await check('GET', at, '/v1/jobs/{id}');
    await check('GET', '/v1/jobs', '/v1/jobs');
    await check('GET', `/admin${at.slice(3)}`, '/admin/jobs/{id}');
    await check('GET', '/admin/jobs', '/admin/jobs');
    const { data } = await check('GET', '/v1/webhook_deliveries', '/v1/webhook_deliveries');
    const [first] = data as { id: string }[];
    await check('GET', `/v1/webhook_deliveries/${first?.id}`, '/v1/webhook_deliveries/{id}');
    await check('POST', `/v1/webhook_deliveries/${first?.id}/redeliver`, '/v1/webhook_deliveries/{id}/redeliver');
    const redeliver = '/webhook_deliveries/redeliver';
    for (const base of ['/v1', '/admin'])
      await check('POST', base + redeliver, base + redeliver, { since: '2026-01-01T00:00:00Z' });
    await check('DELETE', at, '/v1/jobs/{id}');
    const canceled = await kiln.post({ model: 'flux-dev', input: { prompt: '[[sandbox:never]]' } });
    await check('POST', `/v1/jobs/${canceled.id}/cancel`, '/v1/jobs/{id}/cancel');
  });

  test('of text, embeddings and sound', async () => {
    const messages = [{ role: 'user', content: 'hello' }];
    for (const model of ['gpt-5.4', 'claude-sonnet']) {
      await check('POST', '/v1/chat/completions', '/v1/chat/completions', { model, messages });
      await check('POST', '/v1/responses', '/v1/responses', { model, input: 'hello' });
      await check('POST', '/v1/messages', '/v1/messages', { model, messages, max_tokens: 100 });
      await check('POST', '/v1/messages/count_tokens', '/v1/messages/count_tokens', { model, messages });
    }
    await check('POST', '/v1/embeddings', '/v1/embeddings', { model: 'text-embedding-3-small', input: 'hello' });
    const spoken = await fetch(`${kiln.url}/v1/audio/speech`, {
      method: 'POST',
      headers: { ...as(kiln.secret), 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tts-1', voice: 'alloy', input: 'hello' }),
    });
    expect(spoken.headers.get('content-type')).toBe('audio/mpeg');
    const form = new FormData();
    form.append('file', await spoken.blob(), 'hello.mp3');
    form.append('model', 'whisper-1');
    await check('POST', '/v1/audio/transcriptions', '/v1/audio/transcriptions', form);
    await check('GET', '/v1/models/claude-sonnet', '/v1/models/{path}');
  });

  test('of pictures', async () => {
    const fox = { model: 'flux-dev', prompt: 'a fox', size: '256x256' };
    await check('POST', '/v1/images/generations', '/v1/images/generations', fox);
    await check('POST', '/v1/images/generations', '/v1/images/generations', { ...fox, response_format: 'url' });
    const form = new FormData();
    form.append('image', new Blob([new Uint8Array(await tinyPng())], { type: 'image/png' }), 'cat.png');
    for (const [name, value] of Object.entries({ model: 'nano-banana-2', prompt: 'a red cat' }))
      form.append(name, value);
    await check('POST', '/v1/images/edits', '/v1/images/edits', form);
  });

  test('of videos', async () => {
    const fox = { model: 'seedance-2', prompt: 'a fox', seconds: '4', resolution: '480p' };
    const { id } = await check('POST', '/v1/videos', '/v1/videos', fox);
    const at = `/v1/videos/${String(id)}`;
    await kiln.finished(String(id).replace('video_', 'job_'));
    await check('GET', at, '/v1/videos/{id}');
    await check('GET', '/v1/videos', '/v1/videos');
    const snow = { prompt: 'make it snow [[sandbox:never]]', seconds: '4' };
    const edited = await check('POST', '/v1/videos/edits', '/v1/videos/edits', { ...snow, video: { id } });
    const remixed = await check('POST', `${at}/remix`, '/v1/videos/{id}/remix', { prompt: snow.prompt });
    const clip = new FormData();
    const { model, video } = { model: 'skyreels-v2', video: new Blob([new Uint8Array(await tinyMp4())]) };
    for (const [name, value] of Object.entries({ ...snow, model })) clip.append(name, value);
    clip.append('video', video, 'a.mp4');
    await check('POST', '/v1/videos/extensions', '/v1/videos/extensions', clip);
    for (const one of [edited, remixed])
      await kiln.call('POST', `/v1/jobs/${String(one['id']).replace('video_', 'job_')}/cancel`);
    const gone = await check('POST', '/v1/videos', '/v1/videos', { prompt: 'x' });
    await kiln.finished(String(gone['id']).replace('video_', 'job_'));
    await check('DELETE', `/v1/videos/${String(gone['id'])}`, '/v1/videos/{id}');
  });

  test('of uploads', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(await tinyPng())], { type: 'image/png' }), 'cat.png');
    const { id } = await check('POST', '/v1/uploads', '/v1/uploads', form);
    await check('GET', `/v1/uploads/${String(id)}`, '/v1/uploads/{id}');
    await check('GET', '/v1/uploads', '/v1/uploads');
    await check('POST', '/v1/uploads/presign', '/v1/uploads/presign', { content_type: 'image/png', bytes: 9 });
    await check('DELETE', `/v1/uploads/${String(id)}`, '/v1/uploads/{id}');
  });

  test('of money', async () => {
    const { id } = await kiln.post(PICTURE);
    await check('GET', `/v1/requests/${id}`, '/v1/requests/{id}');
    await kiln.finished(id);
    await check('GET', `/v1/requests/${id}`, '/v1/requests/{id}');
    await check('GET', `/admin/requests/${id}`, '/admin/requests/{id}');
    await check('GET', '/v1/usage?group_by=day,model,key,endpoint,route', '/v1/usage');
    await check('GET', '/admin/usage?group_by=key', '/admin/usage');
    await check('GET', '/v1/budget', '/v1/budget');
    await check('GET', '/v1/budget/proof', '/v1/budget/proof');
    await check('GET', '/v1/budget/entries', '/v1/budget/entries');
  });

  test('of the rest', async () => {
    await check('GET', '/v1/models', '/v1/models');
    await check('GET', '/v1/models/veo-3.1', '/v1/models/{path}');
    await check('GET', '/v1/webhooks/secret', '/v1/webhooks/secret');
    const endpoints = '/v1/webhook_endpoints';
    const made = await check('POST', endpoints, endpoints, { url: 'http://127.0.0.1:9/', description: 'shop' });
    const endpoint = `${endpoints}/${String(made['id'])}`;
    await check('GET', endpoints, endpoints);
    await check('GET', endpoint, `${endpoints}/{id}`);
    await check('PATCH', endpoint, `${endpoints}/{id}`, { disabled: true });
    await check('GET', `${endpoint}/secret`, `${endpoints}/{id}/secret`);
    await check('POST', `${endpoint}/rotate_secret`, `${endpoints}/{id}/rotate_secret`);
    await check('POST', `${endpoint}/test`, `${endpoints}/{id}/test`);
    await check('DELETE', endpoint, `${endpoints}/{id}`);
    await check('POST', '/v1/webhooks/secret/rotate', '/v1/webhooks/secret/rotate');
    const { id } = await check('POST', '/admin/keys', '/admin/keys', { name: 'shop' });
    await check('GET', '/admin/keys', '/admin/keys');
    await check('GET', `/admin/keys/${String(id)}`, '/admin/keys/{id}');
    await check('PATCH', `/admin/keys/${String(id)}`, '/admin/keys/{id}', { requests_per_minute: 60 });
    for (const action of ['rotate', 'disable', 'enable'])
      await check('POST', `/admin/keys/${String(id)}/${action}`, `/admin/keys/{id}/${action}`);
    await check('GET', '/v1/key', '/v1/key');
    await check('DELETE', `/admin/keys/${String(id)}`, '/admin/keys/{id}');
    await check('POST', '/admin/jobs/replay', '/admin/jobs/replay', { filter: {}, dry_run: true });
    const batch = await check('POST', '/admin/jobs/replay', '/admin/jobs/replay', { filter: { model: 'ace-step' } });
    await check('GET', `/admin/replays/${String(batch['id'])}`, '/admin/replays/{id}');
    await check('GET', '/admin/replays', '/admin/replays');
    for (const list of ['lanes', 'routes', 'events', 'audit']) await check('GET', `/admin/${list}`, `/admin/${list}`);
    await check('POST', '/admin/lanes/acestep/pause', '/admin/lanes/{id}/{action}');
    await check('POST', '/admin/lanes/acestep/resume', '/admin/lanes/{id}/{action}');
  });

  test('of errors', async () => {
    for (const [path, headers] of [
      ['/v1/jobs/job_x', {}],
      ['/v1/jobs?limit=0', {}],
      ['/v1/jobs', as('sk-x')],
    ] as const)
      expect(error.safeParse((await kiln.call('GET', path, undefined, headers)).body).success).toBe(true);
  });
});

describe('errors are the same in the code, the document and the docs', () => {
  const rows = (page: string, heading: string): string[][] =>
    (page.split(`\n## ${heading}\n`)[1] ?? '')
      .split('\n## ')[0]!
      .split('\n')
      .filter((line) => /^\| `?[\w]/.test(line) && !line.startsWith('| type') && !line.startsWith('| code'))
      .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));

  test('types, with their statuses', async () => {
    const page = await readFile(join(ROOT, 'docs/api/README.md'), 'utf8');
    const documented = rows(page, 'Errors').map(([, type = '', status]) => [type, Number(status)]);
    const known = Object.entries(ERROR_TYPES).map(([type, { status }]) => [type, status]);
    expect(documented).toEqual(known);
    const schema = document.components?.schemas?.['Error'] as {
      properties: { error: { properties: { type: { enum: string[] } } } };
    };
    expect(schema.properties.error.properties.type.enum).toEqual(Object.keys(ERROR_TYPES));
    for (const code of Object.keys(ERROR_CODES)) expect(page).toContain(`\`${code}\``);
  });

  test('every type is thrown somewhere', async () => {
    const files = (await readdir(join(ROOT, 'src'), { recursive: true, withFileTypes: true })).filter(
      (file) =>
        file.isFile() &&
        file.name.endsWith('.ts') &&
        !/test\.ts$|error-types|operations\.ts/.test(file.name) &&
        !file.parentPath.includes('generated'),
    );
    const code = (await Promise.all(files.map((file) => readFile(join(file.parentPath, file.name), 'utf8')))).join(
      '\n',
    );
    for (const type of [...Object.keys(ERROR_TYPES), ...Object.keys(ERROR_CODES)])
      expect([type, code.includes(`'${type}'`)]).toEqual([type, true]);
  });
});

test('/docs renders in a browser, with nothing from elsewhere and nothing refused by its policy', async () => {
  const profile = await mkdtemp(join(tmpdir(), 'kiln-docs-'));
  const browser = await chromium.launchPersistentContext(profile, {
    executablePath: '/usr/bin/chromium',
    headless: true,
    args: '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'.split(
      ' ',
    ),
    viewport: { width: 1200, height: 1400 },
  });
  try {
    const page = await browser.newPage();
    const complaints: string[] = [];
    const elsewhere: string[] = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (failure) => complaints.push(failure.message));
    page.on(
      'request',
      (request) =>
        !/^(data:|blob:)/.test(request.url()) && !request.url().startsWith(kiln.url) && elsewhere.push(request.url()),
    );
    const answer = await page.goto(`${kiln.url}/docs`);
    expect(answer?.headers()['content-security-policy']).toContain("default-src 'none'");
    expect(answer?.headers()['content-security-policy']).not.toContain("script-src 'self' 'unsafe");
    await page.getByText('Post a job.').waitFor();
    expect(await page.locator('.opblock').count()).toBe(operations().length);
    // A request from the page itself passes the policy, too.
    await page.locator('#operations-Health-health').click();
    await page.getByRole('button', { name: 'Execute' }).click();
    await page.getByText('"status": "ok"').first().waitFor();
    if (process.env['TEST_SCREENSHOTS'])
      await page.screenshot({ path: join(process.env['TEST_SCREENSHOTS'], 'docs.png') });
    expect(elsewhere).toEqual([]);
    expect(complaints).toEqual([]);
  } finally {
    await browser.close();
    await rm(profile, { recursive: true, force: true });
  }
});
