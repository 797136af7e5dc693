import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { createEgress, type EgressConfig } from './create-egress.js';
import type { Egress, EgressError } from './egress.js';

const closers: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const stop = (server: Server | TcpServer): Promise<unknown> => {
  if ('closeAllConnections' in server) server.closeAllConnections();
  return new Promise((resolve) => server.close(resolve));
};

/** `127.0.0.1:port` of a server that answers with `listener`. */
async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => stop(server));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function egress(config: Partial<EgressConfig> = {}): Egress {
  const made = createEgress({ configuredOrigins: () => [], allow: [], ...config });
  closers.push(() => made.close());
  return made;
}

const failure = async (promise: Promise<unknown>): Promise<EgressError> =>
  promise.then(
    () => Promise.reject(new Error('expected a failure')),
    (error: unknown) => error as EgressError,
  );

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

const publicThen = (...answers: string[]) => {
  let calls = 0;
  const resolve = async () => {
    const address = answers[Math.min(calls, answers.length - 1)]!;
    calls += 1;
    return [{ address, family: 4 }];
  };
  return { resolve, calls: () => calls };
};

describe('configured', () => {
  it('reaches a configured origin, whatever its address, and reuses the connection', async () => {
    const ports = new Set<number | undefined>();
    const host = await serve((request, response) => {
      ports.add(request.socket.remotePort);
      response.setHeader('x-twice', ['a', 'b']);
      response.end(JSON.stringify({ url: request.url, encoding: request.headers['accept-encoding'] }));
    });
    const client = egress({ configuredOrigins: () => [`http://${host}/v1`] });
    const first = await client.configured(`http://${host}/v1/x?q=1`);
    expect(await first.json()).toEqual({ url: '/v1/x?q=1', encoding: 'identity' });
    expect(first.headers.get('x-twice')).toBe('a, b');
    // The connection is given back after the turn in which the body ended.
    await setImmediate();
    await (await client.configured(`http://${host}/again`)).discard();
    expect(ports.size).toBe(1);
  });

  it('refuses an origin that is not configured, and a login in the URL', async () => {
    const client = egress({ configuredOrigins: () => new Set(['http://127.0.0.1:1']) });
    expect(await failure(client.configured('http://127.0.0.1:2/'))).toMatchObject({ reason: 'blocked', sent: false });
    expect(await failure(client.configured('http://u:p@127.0.0.1:1/'))).toMatchObject({
      reason: 'blocked',
      sent: false,
    });
  });

  it('gives a redirect back as it is by default', async () => {
    const host = await serve((_request, response) => response.writeHead(302, { location: '/elsewhere' }).end());
    const answer = await egress({ configuredOrigins: () => [`http://${host}`] }).configured(`http://${host}/`);
    expect([answer.status, answer.headers.get('location')]).toEqual([302, '/elsewhere']);
  });

  it('never follows a redirect to another origin by configuration: it is foreign from there on', async () => {
    let innerCalls = 0;
    const inner = await serve((_request, response) => response.end(String((innerCalls += 1))));
    const host = await serve((_request, response) => response.writeHead(302, { location: `http://${inner}/` }).end());
    const client = egress({ configuredOrigins: () => [`http://${host}`, `http://${inner}`] });
    expect(await failure(client.configured(`http://${host}/`, { maxRedirects: 3 }))).toMatchObject({
      reason: 'blocked',
      sent: true,
    });
    expect(innerCalls).toBe(0);
  });

  it('sends a form with its length, and a stream', async () => {
    const host = await serve((request, response) => {
      void (async () => {
        const form = await new Response(await bodyOf(request), {
          headers: { 'content-type': request.headers['content-type'] ?? '' },
        }).text();
        response.end(
          JSON.stringify({ length: request.headers['content-length'], bytes: Buffer.byteLength(form), form }),
        );
      })();
    });
    const client = egress({ configuredOrigins: () => [`http://${host}`] });
    const form = new FormData();
    form.set('na"me', 'välue');
    form.set('file', new Blob(['content'], { type: 'image/png' }), 'a"b\r\n.png');
    const echo = (await (await client.configured(`http://${host}/`, { body: form })).json()) as {
      length: string;
      bytes: number;
      form: string;
    };
    expect(Number(echo.length)).toBe(echo.bytes);
    expect(echo.form).toContain('name="na%22me"\r\n\r\nvälue\r\n');
    expect(echo.form).toContain('filename="a%22b%0D%0A.png"\r\ncontent-type: image/png\r\n\r\ncontent\r\n');
    const streamed = await client.configured(`http://${host}/`, {
      method: 'PUT',
      body: Readable.from([Buffer.from('a'), Buffer.from('b')]),
    });
    expect(await streamed.json()).toMatchObject({ form: 'ab' });
  });
});

describe('foreign', () => {
  it('refuses a name that resolves inside, also when only one of its addresses does', async () => {
    const client = egress({
      resolve: async () => [
        { address: '8.8.8.8', family: 4 },
        { address: '10.0.0.1', family: 4 },
      ],
    });
    expect(await failure(client.foreign('https://mixed.test/'))).toMatchObject({ reason: 'blocked', sent: false });
    expect(await failure(client.assertForeign('https://mixed.test/'))).toMatchObject({
      reason: 'blocked',
      sent: false,
    });
  });

  it('is not fooled by a name that resolves outside first and to loopback on the second look-up', async () => {
    let reached = 0;
    await serve((_request, response) => response.end(String((reached += 1))));
    const names = publicThen('8.8.8.8', '127.0.0.1');
    const client = egress({ resolve: names.resolve });
    await client.assertForeign('https://rebind.test/');
    expect(await failure(client.foreign('https://rebind.test/'))).toMatchObject({ reason: 'blocked', sent: false });
    expect([names.calls(), reached]).toEqual([2, 0]);
  });

  it('looks a name up once for a connection and connects to that answer', async () => {
    const host = await serve((request, response) => response.end(request.headers.host));
    const port = host.split(':')[1]!;
    const names = publicThen('127.0.0.1', '192.0.2.1');
    const client = egress({ allow: [`media.test:${port}`], resolve: names.resolve });
    expect(await (await client.foreign(`http://media.test:${port}/`)).text()).toBe(`media.test:${port}`);
    expect(names.calls()).toBe(1);
  });

  it('re-checks every redirect: loopback by address, by name and by port', async () => {
    let target = '';
    let reached = 0;
    const inner = await serve((_request, response) => response.end(String((reached += 1))));
    const host = await serve((_request, response) => response.writeHead(302, { location: target }).end());
    const client = egress({ allow: [host], resolve: async () => [{ address: '127.0.0.1', family: 4 }] });
    for (target of [
      `http://${inner}/`,
      'https://127.0.0.1/',
      'https://inner.test/',
      `https://8.8.8.8:5432/`,
      'https://u:p@8.8.8.8/',
      'file:///etc/passwd',
    ]) {
      expect(await failure(client.foreign(`http://${host}/`))).toMatchObject({ reason: 'blocked', sent: true });
    }
    expect(reached).toBe(0);
  });

  it('drops credentials when a redirect leaves the origin, and only then', async () => {
    const seen: IncomingMessage['headers'][] = [];
    const record = (request: IncomingMessage): number => seen.push(request.headers);
    const second = await serve((request, response) => void response.end(String(record(request))));
    const first = await serve((request: IncomingMessage, response: ServerResponse) => {
      record(request);
      response.writeHead(307, { location: request.url === '/' ? '/same' : `http://${second}/` }).end();
    });
    const secrets = {
      Authorization: 'Bearer x',
      'X-Goog-Api-Key': 'x',
      'x-api-key': 'x',
      Cookie: 'x',
      'x-some-token': 'x',
    };
    const answer = await egress({ allow: [first, second] }).foreign(`http://${first}/`, {
      headers: { ...secrets, range: 'bytes=1-' },
    });
    expect(answer.url).toBe(`http://${second}/`);
    const names = Object.keys(secrets).map((name) => name.toLowerCase());
    expect(seen.map((headers) => names.filter((name) => name in headers))).toEqual([names, names, []]);
    expect(seen[2]!.range).toBe('bytes=1-');
  });

  it('stops after the allowed redirects', async () => {
    const host = await serve((_request, response) => response.writeHead(302, { location: '/again' }).end());
    expect(await failure(egress({ allow: [host] }).foreign(`http://${host}/`))).toMatchObject({
      reason: 'redirect',
      sent: true,
    });
  });

  it('turns 303 into a GET without body and repeats 307 with it', async () => {
    const host = await serve((request, response) => {
      if (request.url === '/303' || request.url === '/307')
        return void response.writeHead(Number(request.url.slice(1)), { location: '/end' }).end();
      void bodyOf(request).then((body) => response.end(`${request.method} ${body}`));
    });
    const client = egress({ allow: [host] });
    expect(await (await client.foreign(`http://${host}/303`, { method: 'POST', body: 'b' })).text()).toBe('GET ');
    expect(await (await client.foreign(`http://${host}/307`, { method: 'POST', body: 'b' })).text()).toBe('POST b');
    expect(
      await failure(client.foreign(`http://${host}/307`, { method: 'POST', body: Readable.from(['b']) })),
    ).toMatchObject({ reason: 'redirect' });
  });
});

describe('limits', () => {
  it.each([
    ['declared', true],
    ['counted', false],
  ])('fails an oversize body, length %s', async (_how, declare) => {
    const host = await serve((_request, response) => {
      if (declare) response.setHeader('content-length', '1000');
      response.end(Buffer.alloc(1000));
    });
    const client = egress({ allow: [host] });
    const answer = await client.foreign(`http://${host}/`, { maxBytes: 999 });
    expect(answer.status).toBe(200);
    expect(await failure(answer.text())).toMatchObject({ reason: 'too_large', sent: true });
    expect((await (await client.foreign(`http://${host}/`, { maxBytes: 1000 })).text()).length).toBe(1000);
  });

  it('gives up on headers that drip', async () => {
    let drip: NodeJS.Timeout | undefined;
    const server = createTcpServer((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n');
      drip = setInterval(() => socket.write('x-a: b\r\n'), 20);
      socket.on('error', () => undefined).on('close', () => clearInterval(drip));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => stop(server));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await failure(egress({ allow: [host] }).foreign(`http://${host}/`, { timeoutMs: 200 }))).toMatchObject({
      reason: 'timeout',
      sent: true,
    });
  });

  it('gives up on a body that stalls', async () => {
    const host = await serve(
      (_request, response) => void response.writeHead(200, { 'content-length': '10' }).write('part'),
    );
    const answer = await egress({ allow: [host] }).foreign(`http://${host}/`, { idleTimeoutMs: 100 });
    expect(await failure(answer.text())).toMatchObject({ reason: 'timeout', sent: true });
  });

  it('keeps a fast server waiting for a slow reader', async () => {
    let written = 0;
    const host = await serve((_request, response) => {
      Readable.from(
        (function* () {
          for (let i = 0; i < 1024; i += 1) {
            written += 65_536;
            yield Buffer.alloc(65_536);
          }
        })(),
      ).pipe(response);
    });
    const answer = await egress({ allow: [host] }).foreign(`http://${host}/`, { maxBytes: 100 * 1024 * 1024 });
    let read = 0;
    for await (const chunk of answer.body) {
      if (read === 0) await new Promise((resolve) => setTimeout(resolve, 200));
      if (read === 0) expect(written).toBeLessThan(48 * 1024 * 1024);
      read += (chunk as Buffer).length;
    }
    expect(read).toBe(64 * 1024 * 1024);
  });
});

describe('what the peer may have seen', () => {
  it('connection refused: nothing', async () => {
    const server = createTcpServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    await stop(server);
    expect(await failure(egress({ allow: [host] }).foreign(`http://${host}/`, { body: 'x' }))).toMatchObject({
      reason: 'connect',
      sent: false,
    });
  });

  it('unknown name: nothing', async () => {
    const resolve = () => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }));
    expect(await failure(egress({ resolve }).foreign('https://nowhere.test/'))).toMatchObject({
      reason: 'dns',
      sent: false,
    });
    expect(await failure(egress({ resolve }).assertForeign('https://nowhere.test/'))).toMatchObject({
      reason: 'dns',
      sent: false,
    });
  });

  it('failed TLS handshake: nothing', async () => {
    const server = createTcpServer(
      (socket) =>
        void socket.on('error', () => undefined).once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    ).listen(0, '127.0.0.1');
    await once(server, 'listening');
    closers.push(() => stop(server));
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    expect(await failure(egress({ allow: [host] }).foreign(`https://${host}/`))).toMatchObject({
      reason: 'tls',
      sent: false,
    });
  });

  it('a reset after the request: perhaps all of it', async () => {
    const host = await serve((request) => void request.socket.resetAndDestroy());
    expect(await failure(egress({ allow: [host] }).foreign(`http://${host}/`, { body: 'x' }))).toMatchObject({
      reason: 'reset',
      sent: true,
    });
  });

  it('a body cut short: all of it', async () => {
    const host = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('part', () => response.socket?.destroy());
    });
    expect(await failure((await egress({ allow: [host] }).foreign(`http://${host}/`)).text())).toMatchObject({
      reason: 'reset',
      sent: true,
    });
  });

  it('given up before and after the answer', async () => {
    const host = await serve((_request, response) => void response.writeHead(200).write('part'));
    const client = egress({ allow: [host] });
    expect(await failure(client.foreign(`http://${host}/`, { signal: AbortSignal.abort() }))).toMatchObject({
      reason: 'aborted',
      sent: false,
    });
    const control = new AbortController();
    const answer = await client.foreign(`http://${host}/`, { signal: control.signal });
    control.abort();
    expect(await failure(answer.text())).toMatchObject({ reason: 'aborted', sent: true });
  });

  it('given up while waiting for a connection: nothing is written later', async () => {
    const seen: (string | undefined)[] = [];
    const held = Promise.withResolvers<ServerResponse>();
    const host = await serve((request, response) => {
      seen.push(request.url);
      if (request.url === '/first') held.resolve(response);
      else response.end();
    });
    const client = egress({ allow: [host], maxConnectionsPerOrigin: 1 });
    const first = client.foreign(`http://${host}/first`);
    const firstAnswer = await held.promise;
    expect(await failure(client.foreign(`http://${host}/second`, { timeoutMs: 150 }))).toMatchObject({
      reason: 'timeout',
      sent: false,
    });
    firstAnswer.end();
    await (await first).discard();
    await (await client.foreign(`http://${host}/third`)).discard();
    expect(seen).toEqual(['/first', '/third']);
  });
});
