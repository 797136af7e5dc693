import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { findFfmpeg } from '../render/ffmpeg.js';
import { type Sandbox, startSandbox } from '../server.js';
import { type Answer, call } from '../test-client.js';

export const KEY = 'test-key';
export const AUTH = { authorization: `Bearer ${KEY}` };
export const MODEL = 'dreamina-seedance-2-0-260128';

export interface Task {
  id: string;
  status: string;
  content?: { video_url?: string; last_frame_url?: string };
  error?: { code: string; message: string };
  usage?: { completion_tokens: number; total_tokens: number };
  [field: string]: unknown;
}
export interface Refusal {
  error: { code: string; message: string; type: string; param: string };
}
export type Item = Record<string, unknown>;

/** A sandbox, and a server of sample files that also takes callbacks. */
export interface Bench {
  sandbox: Sandbox;
  /** The collection of tasks. */
  api: string;
  /** Serves clip, long, small and slow.mp4, sound and short.mp3, sound.flac. */
  filesUrl: string;
  /** A red upright PNG as a data URI. */
  picture: string;
  /** Callbacks as they came in; the first `refuse` of them are answered 500. */
  rung: Task[];
  refuse: number;
  image(role?: string, url?: string): Item;
  video(nameOrUri: string): Item;
  audio(name: string): Item;
  /** The new task's id. */
  create(content: Item[] | string, more?: object): Promise<string>;
  get(id: string): Promise<Answer<Task & Refusal>>;
  remove(id: string): Promise<Answer<Refusal>>;
  reset(): void;
  close(): Promise<void>;
}

export const text = (prompt: string): Item => ({ type: 'text', text: prompt });
/** The shortest and smallest clip. */
export const body = (content: Item[], more: object = {}): object => ({
  model: MODEL,
  content,
  duration: 4,
  resolution: '480p',
  ...more,
});

function makeSamples(folder: string): void {
  const make = (...args: string[]) =>
    execFileSync(findFfmpeg(), ['-nostdin', '-v', 'error', '-y', '-f', 'lavfi', ...args], { cwd: folder });
  const clip = (name: string, size: string, fps: number, seconds: number) =>
    make('-i', `color=c=red:s=${size}:r=${fps}:d=${seconds}`, '-pix_fmt', 'yuv420p', name);
  clip('clip.mp4', '864x480', 24, 3);
  clip('long.mp4', '864x480', 24, 8);
  clip('small.mp4', '640x360', 24, 3);
  clip('slow.mp4', '864x480', 12, 3);
  make('-i', 'sine=duration=3', 'sound.mp3');
  make('-i', 'sine=duration=1', 'short.mp3');
  make('-i', 'sine=duration=3', 'sound.flac');
}

export async function openBench(): Promise<Bench> {
  const sandbox = await startSandbox({ speed: 0, key: KEY });
  const api = `${sandbox.url}/ark/api/v3/contents/generations/tasks`;
  const folder = await mkdtemp(join(tmpdir(), 'kiln-ark-'));
  makeSamples(folder);
  const bytes = await sharp({ create: { width: 600, height: 800, channels: 3, background: '#c02020' } })
    .png()
    .toBuffer();
  const files = createServer((request, response) => {
    if (request.method === 'GET') {
      response.end(readFileSync(join(folder, (request.url ?? '').slice(1))));
      return;
    }
    let received = '';
    request.on('data', (chunk: Buffer) => (received += chunk.toString()));
    request.on('end', () => {
      bench.rung.push(JSON.parse(received) as Task);
      response.writeHead(bench.refuse-- > 0 ? 500 : 200).end();
    });
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => files.once('listening', resolve));
  const filesUrl = `http://127.0.0.1:${(files.address() as AddressInfo).port}`;
  const bench: Bench = {
    sandbox,
    api,
    filesUrl,
    picture: `data:image/png;base64,${bytes.toString('base64')}`,
    rung: [],
    refuse: 0,
    image: (role, url = bench.picture) => ({
      type: 'image_url',
      image_url: { url },
      ...(role === undefined ? {} : { role }),
    }),
    video: (name) => ({
      type: 'video_url',
      video_url: { url: name.startsWith('data:') ? name : `${filesUrl}/${name}` },
      role: 'reference_video',
    }),
    audio: (name) => ({ type: 'audio_url', audio_url: { url: `${filesUrl}/${name}` }, role: 'reference_audio' }),
    async create(content, more = {}) {
      const items = typeof content === 'string' ? [text(content)] : content;
      const answer = await call<{ id: string }>(api, { headers: AUTH, json: body(items, more) });
      expect(answer).toMatchObject({ status: 200, body: { id: expect.stringMatching(/^cgt-\d{14}-\w+$/) as string } });
      return answer.body.id;
    },
    get: (id) => call<Task & Refusal>(`${api}/${id}`, { headers: AUTH }),
    remove: (id) => call<Refusal>(`${api}/${id}`, { headers: AUTH, method: 'DELETE' }),
    reset() {
      sandbox.clearFaults();
      sandbox.clock.speed = 0;
      bench.rung = [];
      bench.refuse = 0;
    },
    async close() {
      await sandbox.close();
      await new Promise((resolve) => files.close(resolve));
      await rm(folder, { recursive: true, force: true });
    },
  };
  return bench;
}
