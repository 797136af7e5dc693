import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { ComfyInstance } from './instance.js';
import type { ComfyEvent } from './types.js';

const PATH = /^\/comfyui\/(\d+)(?:\/api)?\/ws$/;

/**
 * The `/ws` of every instance. One socket is kept per clientId; as in the real server, the clean-up of an old connection also
 * removes a newer one with the same id, which then stays open but deaf.
 */
export class ComfySockets {
  private readonly server = new WebSocketServer({ noServer: true });

  constructor(private readonly instances: ComfyInstance[]) {}

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? '/', 'http://sandbox');
    const instance = this.instances[Number(PATH.exec(url.pathname)?.[1] ?? Number.NaN)];
    if (instance === undefined) {
      socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n');
      return;
    }
    this.server.handleUpgrade(request, socket, head, (client) =>
      attach(instance, client, url.searchParams.get('clientId')),
    );
  }

  close(): void {
    for (const client of this.server.clients) client.terminate();
    this.server.close();
  }
}

/** The live socket of each clientId, per instance. */
const liveSockets = new WeakMap<ComfyInstance, Map<string, WebSocket>>();

function attach(instance: ComfyInstance, client: WebSocket, wantedId: string | null): void {
  const clientId = wantedId === null || wantedId === '' ? randomUUID().replaceAll('-', '') : wantedId;
  const live = liveSockets.get(instance) ?? new Map<string, WebSocket>();
  liveSockets.set(instance, live);
  live.set(clientId, client);

  const send = (event: ComfyEvent) => client.send(JSON.stringify(event));
  const listener = (event: ComfyEvent, to: string | null) => {
    if (live.get(clientId) === client && (to === null || to === clientId)) send(event);
  };
  const cut = () => client.terminate();
  instance.listeners.add(listener);
  instance.onRestart.add(cut);
  client.on('error', cut);
  client.on('close', () => {
    live.delete(clientId);
    instance.listeners.delete(listener);
    instance.onRestart.delete(cut);
  });
  client.once('message', (message) => {
    if (isFeatureFlags(Buffer.isBuffer(message) ? message.toString() : ''))
      send({ type: 'feature_flags', data: { supports_preview_metadata: true, max_upload_size: 104_857_600 } });
  });

  send({
    type: 'status',
    data: { status: { exec_info: { queue_remaining: instance.queueRemaining } }, sid: clientId },
  });
  const executing = instance.executingFor(clientId);
  if (executing !== null) send({ type: 'executing', data: { node: executing } });
}

function isFeatureFlags(message: string): boolean {
  try {
    return (JSON.parse(message) as { type?: unknown } | null)?.type === 'feature_flags';
  } catch {
    return false;
  }
}
