import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** What a scripted server does with one request. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void | Promise<void>;

export interface SeenRequest {
  /** First segment of the path: which route asked. */
  route: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown>;
  /** Resolves when the client has cut the connection, or the answer is out. */
  closed: Promise<void>;
}

/** A server that speaks as OpenAI's does, badly where it is told to. `/{route}/v1` is a route's base URL. */
export interface Upstream {
  url: string;
  seen: SeenRequest[];
  /** What a route does with its next requests, one after the other; the last stays. */
  script(route: string, ...behaviours: Behaviour[]): void;
  reset(): void;
  close(): Promise<void>;
}

export async function startUpstream(): Promise<Upstream> {
  const scripts = new Map<string, Behaviour[]>();
  const seen: SeenRequest[] = [];
  const sockets = new Set<Socket>();
  const server: Server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      const [, route = ''] = (request.url ?? '').split('/');
      const isJson = request.headers['content-type']?.includes('json');
      seen.push({
        route,
        path: request.url ?? '',
        headers: request.headers,
        body: isJson ? (JSON.parse(body.toString('utf8')) as Record<string, unknown>) : {},
        closed: new Promise((resolve) => response.once('close', resolve)),
      });
      const left = scripts.get(route) ?? [];
      const behaviour = left.length > 1 ? left.shift() : left[0];
      await (behaviour ?? answers('hello'))(request, response, body);
    })().catch(() => response.destroy());
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    seen,
    script: (route, ...behaviours) => void scripts.set(route, behaviours),
    reset: () => {
      scripts.clear();
      seen.length = 0;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const USAGE = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

const chunk = (delta: Record<string, unknown>, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'up-1', object: 'chat.completion.chunk', created: 1, model: 'up-model', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
export const ROLE = chunk({ role: 'assistant', content: '' });
export const text = (content: string): string => chunk({ content });
export const FINISH = chunk({}, 'stop');
export const USAGE_CHUNK = `data: ${JSON.stringify({ id: 'up-1', object: 'chat.completion.chunk', created: 1, model: 'up-model', choices: [], usage: USAGE })}\n\n`;
export const DONE = 'data: [DONE]\n\n';

/** A good answer, streamed where that was asked for. */
export const answers =
  (content: string, usage: Record<string, unknown> | null = USAGE): Behaviour =>
  (_request, response, body) => {
    const asked = JSON.parse(body.toString('utf8')) as { stream?: boolean };
    if (asked.stream === true) {
      const frames = [ROLE, ...Array.from(content, text), FINISH, ...(usage ? [USAGE_CHUNK] : []), DONE];
      return streams(...frames)(_request, response, body);
    }
    return json(200, {
      id: 'up-1',
      object: 'chat.completion',
      created: 1,
      model: 'up-model',
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
      ...(usage ? { usage } : {}),
    })(_request, response, body);
  };

export const json =
  (status: number, body: unknown, headers: Record<string, string> = {}): Behaviour =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
  };

export const errors = (
  status: number,
  more: Record<string, unknown> = {},
  headers: Record<string, string> = {},
): Behaviour => json(status, { error: { message: `upstream says ${status}`, type: 'server_error', ...more } }, headers);

/** Server-sent events as given, then a clean end. */
export const streams =
  (...frames: (string | Buffer)[]): Behaviour =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const frame of frames) response.write(frame);
    response.end();
  };

/** Server-sent events as given, then the connection is cut. */
export const cuts =
  (...frames: (string | Buffer)[]): Behaviour =>
  async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const frame of frames) await new Promise((resolve) => response.write(frame, resolve));
    response.destroy();
  };

/** Server-sent events as given, then silence until the client goes. */
export const stalls =
  (...frames: (string | Buffer)[]): Behaviour =>
  (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const frame of frames) response.write(frame);
  };

/** No answer at all. */
export const hangs: Behaviour = () => undefined;
