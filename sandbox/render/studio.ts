import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { Ffmpeg } from './ffmpeg.js';
import { renderPiece } from './music.js';
import { renderPicture } from './picture.js';
import type { Clip, Picture, PictureFormat, Piece, Utterance } from './recipes.js';
import { renderUtterance } from './speech.js';
import { renderClip } from './video.js';

/** Google's operations live for two days, and nothing else remembers an upload longer. */
const BLOB_LIFETIME_MS = 2 * 86_400_000;
const MAX_CACHE_BYTES = 512 * 1024 * 1024;

/**
 * Renders recipes to files when somebody first asks for them and keeps them in a bounded folder, so that a generation nobody
 * has downloaded costs nothing. A file that was evicted is rendered again, to the same bytes.
 */
export class Studio {
  private readonly ffmpeg: Ffmpeg;
  /** Least recently used first. */
  private readonly sizes = new Map<string, number>();
  private cachedBytes = 0;
  private readonly underWay = new Map<string, Promise<string>>();
  renders = 0;

  private constructor(
    private readonly folder: string,
    ffmpegPath: string,
  ) {
    this.ffmpeg = new Ffmpeg(ffmpegPath);
  }

  static async open(dataDir: string, ffmpegPath: string): Promise<Studio> {
    const studio = new Studio(dataDir, ffmpegPath);
    await rm(studio.path('scratch'), { recursive: true, force: true });
    for (const name of ['renders', 'scratch', 'blobs']) await mkdir(studio.path(name), { recursive: true });
    for (const name of await readdir(studio.path('renders')))
      studio.remember(name, (await stat(studio.path('renders', name))).size);
    await studio.dropOldBlobs();
    return studio;
  }

  picture(picture: Picture, format: PictureFormat = 'png'): Promise<string> {
    return this.cached(format, picture, async (_scratch, output) => {
      const png = await renderPicture(picture);
      await writeFile(output, format === 'png' ? png : await sharp(png).toFormat(format).toBuffer());
    });
  }

  clip(clip: Clip): Promise<string> {
    return this.cached('mp4', clip, (scratch, output) => renderClip(this.ffmpeg, clip, scratch, output));
  }

  piece(piece: Piece): Promise<string> {
    return this.cached(piece.format, piece, (scratch, output) => renderPiece(this.ffmpeg, piece, scratch, output));
  }

  utterance(utterance: Utterance): Promise<string> {
    return this.cached(utterance.format, utterance, (scratch, output) =>
      renderUtterance(this.ffmpeg, utterance, scratch, output),
    );
  }

  /** Keeps uploaded bytes on disk under their hash and answers the path. */
  async keep(bytes: Buffer): Promise<string> {
    const path = this.path('blobs', createHash('sha256').update(bytes).digest('hex'));
    if (existsSync(path)) {
      const now = new Date();
      await utimes(path, now, now);
      return path;
    }
    const part = `${path}.${randomUUID()}`;
    await writeFile(part, bytes);
    await rename(part, path);
    return path;
  }

  /** Length of uploaded sound; null of what is none. */
  async secondsOf(bytes: Buffer): Promise<number | null> {
    return this.ffmpeg.secondsOf(await this.keep(bytes));
  }

  close(): void {
    this.ffmpeg.close();
  }

  private async dropOldBlobs(): Promise<void> {
    for (const name of await readdir(this.path('blobs'))) {
      const path = this.path('blobs', name);
      if ((await stat(path)).mtimeMs < Date.now() - BLOB_LIFETIME_MS) await rm(path, { force: true });
    }
  }

  private path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  private async cached(
    extension: string,
    recipe: object,
    render: (scratch: string, output: string) => Promise<void>,
  ): Promise<string> {
    const name = `${createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 40)}.${extension}`;
    const path = this.path('renders', name);
    const size = this.sizes.get(name);
    if (size !== undefined && existsSync(path)) {
      this.sizes.delete(name);
      this.sizes.set(name, size);
      return path;
    }
    const running = this.underWay.get(name);
    if (running !== undefined) return running;
    const work = this.render(name, path, render).finally(() => this.underWay.delete(name));
    this.underWay.set(name, work);
    return work;
  }

  private async render(
    name: string,
    path: string,
    render: (scratch: string, output: string) => Promise<void>,
  ): Promise<string> {
    const folder = this.path('scratch', randomUUID());
    await mkdir(folder);
    try {
      const output = join(folder, name);
      await render(join(folder, 'input'), output);
      this.renders += 1;
      const { size } = await stat(output);
      await rename(output, path);
      this.remember(name, size);
      await this.evict();
      return path;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  private remember(name: string, size: number): void {
    this.cachedBytes += size - (this.sizes.get(name) ?? 0);
    this.sizes.set(name, size);
  }

  private async evict(): Promise<void> {
    // The newest stays, however large: somebody is about to read it.
    for (const [name, size] of [...this.sizes].slice(0, -1)) {
      if (this.cachedBytes <= MAX_CACHE_BYTES) return;
      this.sizes.delete(name);
      this.cachedBytes -= size;
      await rm(this.path('renders', name), { force: true });
    }
  }
}
