import sharp from 'sharp';
import { type Sandbox, startSandbox } from '../server.js';
import { type Answer, call, until } from '../test-client.js';

export const KEY = 'test-key';
export const AUTH = { authorization: `Key ${KEY}` };

export interface Submitted {
  request_id: string;
  status: string;
  queue_position: number;
  status_url: string;
  response_url: string;
  cancel_url: string;
}
export interface Status {
  status: string;
  queue_position?: number;
  error?: string;
  error_type?: string;
  logs?: unknown[];
}
export interface File {
  url: string;
  content_type: string;
}
export interface Result {
  video?: File;
  images?: File[];
  audio?: File;
  detail?: string | { loc: string[]; msg: string; type: string }[];
}

/** What the tests of this wire share. */
export interface FalSandbox {
  sandbox: Sandbox;
  /** `…/fal`. */
  base: string;
  /** A picture as a data URI. */
  picture: string;
  post<T = Result>(id: string, json: object, query?: string): Promise<Answer<T>>;
  start(id: string, json: object, query?: string): Promise<Submitted>;
  /** The result once the request has ended. */
  finished(id: string, json: object): Promise<Result>;
  veo(prompt: string): Promise<Submitted>;
}

export const get = <T>(url: string): Promise<Answer<T>> => call<T>(url, { headers: AUTH });

export async function openFalSandbox(): Promise<FalSandbox> {
  const sandbox = await startSandbox({ speed: 0, key: KEY });
  const base = `${sandbox.url}/fal`;
  const bytes = await sharp({ create: { width: 1280, height: 720, channels: 3, background: '#20a050' } })
    .png()
    .toBuffer();
  const post: FalSandbox['post'] = (id, json, query = '') => call(`${base}/${id}${query}`, { headers: AUTH, json });
  const start: FalSandbox['start'] = async (id, json, query) => {
    const { status, body } = await post<Submitted>(id, json, query);
    expect({ status, body }).toMatchObject({ status: 200, body: { status: 'IN_QUEUE' } });
    return body;
  };
  return {
    sandbox,
    base,
    picture: `data:image/png;base64,${bytes.toString('base64')}`,
    post,
    start,
    async finished(id, json) {
      const task = await start(id, json);
      await until(async () => (await get<Status>(task.status_url)).body.status === 'COMPLETED');
      return (await get<Result>(task.response_url)).body;
    },
    veo: (prompt) => start('fal-ai/veo3.1', { prompt, duration: '4s' }),
  };
}
