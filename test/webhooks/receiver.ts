import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export type Answer = (response: ServerResponse) => void;

export interface Receiver {
  /** `127.0.0.1:port`. */
  host: string;
  /** What came to a path, in order. */
  at(path: string): Received[];
  /** Answers for a path, one for each request; 204 when there is none left. */
  answer(path: string, ...answers: Answer[]): void;
  close(): Promise<void>;
}

/** A webhook receiver on a port of its own. */
export async function startReceiver(): Promise<Receiver> {
  const received: Received[] = [];
  const answers = new Map<string, Answer[]>();
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    let body = '';
    request.setEncoding('utf8');
    for await (const chunk of request) body += String(chunk);
    const path = request.url ?? '';
    received.push({ path, headers: request.headers, body });
    const answer = answers.get(path)?.shift() ?? ((to: ServerResponse) => to.writeHead(204).end());
    answer(response);
  };
  const server = createServer((request, response) => void receive(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    at: (path) => received.filter((one) => one.path === path),
    answer: (path, ...next) => void answers.set(path, next),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
