import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { Ffmpeg, findFfmpeg } from '../render/ffmpeg.js';

export interface Ring {
  headers: IncomingMessage['headers'];
  body: string;
}

export interface TestFiles {
  /** Link to `wide.png`, `tall.png`, `cut.png` (broken) or `clip.mp4` (2 s); other names are not found. POSTs to any are rings. */
  link(name: string): string;
  rings: Ring[];
  close(): void;
}

/** What a client of the wire would have: media behind links, and somebody who hears the bell. */
export async function serveTestFiles(): Promise<TestFiles> {
  const folder = await mkdtemp(join(tmpdir(), 'gpu-files-'));
  const path = join(folder, 'clip.mp4');
  await new Ffmpeg(findFfmpeg()).run([['-f', 'lavfi', '-i', 'testsrc=s=320x180:r=24:d=2'], [path]]);
  const clip = await readFile(path);
  await rm(folder, { recursive: true, force: true });
  const wide = await sharp({ create: { width: 640, height: 360, channels: 3, background: '#3aa' } })
    .png()
    .toBuffer();
  const tall = await sharp(wide).resize(360, 640, { fit: 'fill' }).png().toBuffer();
  const served = new Map([
    ['/wide.png', wide],
    ['/tall.png', tall],
    ['/cut.png', wide.subarray(0, 100)],
    ['/clip.mp4', clip],
  ]);
  const rings: Ring[] = [];
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        rings.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
        response.end('{}');
      });
      return;
    }
    const bytes = served.get(new URL(request.url ?? '', 'http://localhost').pathname);
    response.writeHead(bytes ? 200 : 404, { 'content-type': 'application/octet-stream' });
    response.end(bytes);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { link: (name) => `http://127.0.0.1:${port}/${name}`, rings, close: () => server.close() };
}
