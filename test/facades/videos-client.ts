import { readFile } from 'node:fs/promises';
import OpenAI, { APIError, toFile } from 'openai';
import type { Kiln } from '../support/kiln.js';
import { imageFile } from '../support/media.js';

export type Video = OpenAI.Videos.Video;

/** OpenAI's official client on this service; it tries once. */
export const clientOf = (kiln: Kiln, secret: string): OpenAI =>
  new OpenAI({ apiKey: secret, baseURL: `${kiln.url}/v1`, maxRetries: 0 });

export const jobOf = ({ id }: Pick<Video, 'id'>): string => id.replace('video_', 'job_');

/** The official client sends fields that its types do not know. */
export const createBy = (client: OpenAI, body: Record<string, unknown>): Promise<Video> =>
  client.videos.create(body as never);

/** The video at its end, which must be a good one. */
export async function completedOn(kiln: Kiln, video: Video): Promise<Video> {
  expect((await kiln.finished(jobOf(video))).error).toBeNull();
  return clientOf(kiln, kiln.secret).videos.retrieve(video.id);
}

export const refusalOf = async (sent: Promise<unknown>): Promise<APIError> =>
  sent.then(
    () => Promise.reject(new Error('nothing was refused')),
    (error: unknown) => {
      if (error instanceof APIError) return error;
      throw error;
    },
  );

export const picture = async (width: number, height: number): Promise<File> =>
  toFile(await readFile(await imageFile('png', width, height)), 'first.png', { type: 'image/png' });
