import { type Sandbox, startSandbox } from '../server.js';
import { call, type Answer } from '../test-client.js';

const KEY = 'test-key';
export const AUTH = { authorization: `Bearer ${KEY}` };
export const FLUX = 'models/black-forest-labs/flux-dev/predictions';
export const LORA = 'models/black-forest-labs/flux-dev-lora/predictions';
export const KLING = 'models/kwaivgi/kling-v3-video/predictions';

export interface Prediction {
  id: string;
  status: string;
  output: string[] | string | null;
  error: string | null;
  logs: string | null;
  input: object;
  data_removed: boolean;
  completed_at: string | null;
  webhook?: string;
  version: string;
  metrics?: { predict_time?: number };
  urls: { get: string; cancel: string };
}

/** The wire as this folder's tests speak it, on a sandbox of their own where everything is done at once. */
export class TestWire {
  private constructor(readonly sandbox: Sandbox) {}

  static async open(): Promise<TestWire> {
    return new TestWire(await startSandbox({ speed: 0, key: KEY }));
  }

  get api(): string {
    return `${this.sandbox.url}/replicate/v1`;
  }

  create(path: string, body: object, headers: Record<string, string> = {}): Promise<Answer<Prediction>> {
    return call<Prediction>(`${this.api}/${path}`, { headers: { ...AUTH, ...headers }, json: body });
  }

  poll(id: string): Promise<Answer<Prediction>> {
    return call<Prediction>(`${this.api}/predictions/${id}`, { headers: AUTH });
  }

  async started(path: string, input: object, more: object = {}): Promise<string> {
    const { status, body } = await this.create(path, { input, ...more });
    expect(status).toBe(201);
    return body.id;
  }

  async finished(path: string, input: object): Promise<Prediction> {
    return (await this.poll(await this.started(path, input))).body;
  }
}

export const linksOf = ({ output }: Prediction): string[] => (Array.isArray(output) ? output : [output ?? '']);
