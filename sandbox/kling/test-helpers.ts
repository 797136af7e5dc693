import sharp from 'sharp';
import { call } from '../test-client.js';

export const KEY = 'test-key';
export const AUTH = { authorization: `Bearer ${KEY}` };

export interface Envelope<T = Record<string, unknown>> {
  code: number;
  message: string;
  request_id: string;
  data?: T;
}
export interface CurrentTask {
  id: string;
  status: string;
  message: string;
  external_id?: string;
  outputs?: { type: string; url: string; duration: string }[];
  billing?: { charge_type: string; currency: string; amount: string }[];
}
export interface LegacyTask {
  task_id: string;
  task_status: string;
  task_status_msg: string;
  task_info: { external_task_id?: string };
  final_unit_deduction?: string;
  task_result?: { videos: { url: string; duration: string }[] };
}

/** Bare base64 of a picture. */
export async function pictureOf(width = 640, height = 360, format: 'png' | 'webp' = 'png'): Promise<string> {
  const plain = sharp({ create: { width, height, channels: 3, background: '#c02020' } });
  return (await plain.toFormat(format).toBuffer()).toString('base64');
}

/** Calls of both generations below `base`. */
export class KlingClient {
  constructor(readonly base: string) {}

  post<T>(path: string, json: object, headers: Record<string, string> = AUTH) {
    return call<Envelope<T>>(`${this.base}${path}`, { headers, json });
  }

  get<T>(path: string, headers: Record<string, string> = AUTH) {
    return call<Envelope<T>>(`${this.base}${path}`, { headers });
  }

  text(prompt: string, settings: object = {}, options?: object) {
    const body = { prompt, settings: { duration: 3, ...settings }, ...(options && { options }) };
    return this.post<CurrentTask>('/text-to-video/kling-3.0', body);
  }

  image(contents: object[], settings: object = {}) {
    return this.post<CurrentTask>('/image-to-video/kling-3.0', { contents, settings: { duration: 3, ...settings } });
  }

  legacy(kind: 'text2video' | 'image2video', more: object = {}) {
    const body = { model_name: 'kling-v3', duration: '3', ...more };
    return this.post<LegacyTask>(`/v1/videos/${kind}`, body);
  }

  async task(id: string): Promise<CurrentTask | undefined> {
    return (await this.get<CurrentTask[]>(`/tasks?task_ids=${id}`)).body.data?.[0];
  }
}
