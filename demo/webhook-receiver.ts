import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';

const MAX_BODY_BYTES = 1024 * 1024;

export interface ReceivedWebhook {
  /** `webhook-id`: the same at every try, to tell a repeat by. */
  id: string;
  event: string;
  jobId: string;
}

/**
 * What a client's backend would be: takes a message, checks its signature with the public Standard Webhooks library, and
 * answers 204, or 401 where the signature is not the key's.
 */
export class WebhookReceiver {
  private secret: string | null = null;
  private readonly received: ReceivedWebhook[] = [];
  private readonly refused: string[] = [];
  private wake: () => void = () => undefined;
  private readonly server = createServer((request, response) => {
    this.take(request, response).catch(() => response.destroy());
  });

  /** Listens on a free port of 127.0.0.1. */
  async listen(): Promise<{ url: string; host: string }> {
    await new Promise<void>((resolve, reject) =>
      this.server.once('error', reject).listen(0, '127.0.0.1', () => resolve()),
    );
    const host = `127.0.0.1:${(this.server.address() as AddressInfo).port}`;
    return { url: `http://${host}/kiln`, host };
  }

  /** `whsec_…`, the signing secret of the API key. */
  trust(secret: string): void {
    this.secret = secret;
  }

  /** The verified message about a job's end. */
  async about(jobId: string, signal: AbortSignal): Promise<ReceivedWebhook> {
    signal.addEventListener('abort', () => this.wake(), { once: true });
    for (;;) {
      const found = this.received.find((one) => one.jobId === jobId);
      if (found) return found;
      if (signal.aborted) {
        const why = this.refused.length === 0 ? 'none arrived' : `refused: ${this.refused.join('; ')}`;
        throw new Error(`No signed webhook for ${jobId}: ${why}.`);
      }
      await new Promise<void>((resolve) => (this.wake = resolve));
    }
  }

  close(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_BODY_BYTES) return void response.writeHead(413).end();
      chunks.push(chunk);
    }
    const problem = this.check(request, Buffer.concat(chunks).toString('utf8'));
    if (problem !== null) this.refused.push(problem);
    response.writeHead(problem === null ? 204 : 401).end();
    this.wake();
  }

  /** Null when the message is Kiln's; it is then remembered. */
  private check(request: IncomingMessage, body: string): string | null {
    if (this.secret === null) return 'it came before the secret was known';
    try {
      const message = new Webhook(this.secret).verify(body, request.headers as Record<string, string>) as {
        type: string;
        data: { id: string };
      };
      this.received.push({ id: String(request.headers['webhook-id']), event: message.type, jobId: message.data.id });
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }
}
