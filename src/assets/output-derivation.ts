import { createReadStream } from 'node:fs';
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '../common/errors.js';
import { type Derivative, type Media, type MediaFacts, UnusableMedia } from '../media/media.js';
import type { ObjectStore } from '../storage/object-store.js';
import { ArtifactError } from './artifact-error.js';
import type { AssetsOptions } from './assets-options.js';
import { hashFile, saveToFile } from './byte-streams.js';
import { extensionOf, type Variant } from './media-types.js';
import type { OutputFacts, StoredVariants } from './outputs.repository.js';
import { withTempFolder } from './temp-folder.js';

export interface DerivedOutput extends OutputFacts {
  n: number;
  /** The artifact as it was stored, where faststart made another object of it: of no use once the row names that one. */
  replacedKey: string | null;
  /** What could not be made, for the job's `warnings`. */
  warnings: string[];
}

export interface Derivable {
  jobId: string;
  run: number;
  n: number;
  claimToken: string;
  objectKey: string;
  contentType: string;
  bytes: number;
  sha256: string;
}

/** Facts, faststart and pictures of a stored artifact, worked out on a copy in a private folder. */
export class OutputDerivation {
  constructor(
    private readonly store: ObjectStore,
    private readonly media: Media,
    private readonly options: AssetsOptions,
  ) {}

  /**
   * Everything new is stored under this claim's key, so that a worker that lost its claim overwrites nothing. Throws
   * ObjectNotFound when the artifact is gone and ArtifactError `not_media` when it can't be read; a picture that fails is
   * a warning.
   */
  async derive(output: Derivable, signal: AbortSignal): Promise<DerivedOutput> {
    return withTempFolder(this.options.tempDir, async (dir) => {
      const path = join(dir, 'artifact');
      const { body } = await this.store.get(output.objectKey);
      const tooLarge = (): ArtifactError => new ArtifactError('too_large', 'the stored artifact is too large');
      await saveToFile(body, path, { maxBytes: this.options.maxOutputBytes, tooLarge, signal });
      const facts = await this.probe(path);
      const warnings: string[] = [];
      const main = await this.frontIndex(output, path, dir, warnings, signal);
      const pictures = new Pictures(this.media, join(dir, 'pictures'), `output ${output.n}`, warnings);
      const made = await pictures.make(path, facts);
      const variants: StoredVariants = {};
      for (const [variant, { path: file, contentType, bytes }] of made.files) {
        signal.throwIfAborted();
        const key = `${prefixOf(output)}-${variant}.${extensionOf(contentType)}`;
        await this.store.put(key, createReadStream(file), { contentType, signal });
        variants[variant] = { key, contentType, bytes };
      }
      const { width, height, durationSeconds, fps, hasAudio } = facts;
      return {
        ...main,
        n: output.n,
        replacedKey: main.objectKey === output.objectKey ? null : output.objectKey,
        width,
        height,
        durationSeconds,
        fps,
        hasAudio,
        blurhash: made.blurhash,
        variants,
        warnings,
      };
    });
  }

  private async probe(path: string): Promise<MediaFacts> {
    const { maxOutputBytes, mediaTimeoutMs } = this.options;
    // The limits of uploads are not those of results: these were paid for, and their size was capped while storing.
    const limits = {
      maxBytes: maxOutputBytes,
      maxPixels: Number.MAX_SAFE_INTEGER,
      maxDurationSeconds: Number.MAX_SAFE_INTEGER,
      timeoutMs: mediaTimeoutMs,
    };
    try {
      return await this.media.probe(path, limits);
    } catch (error) {
      if (error instanceof UnusableMedia) throw new ArtifactError('not_media', error.message, { cause: error });
      throw error;
    }
  }

  /** Puts an MP4's index in front, so that a browser plays before the whole has come; the moved file replaces `path`. */
  private async frontIndex(
    output: Derivable,
    path: string,
    dir: string,
    warnings: string[],
    signal: AbortSignal,
  ): Promise<Pick<OutputFacts, 'objectKey' | 'contentType' | 'bytes' | 'sha256'>> {
    const { objectKey, contentType, bytes, sha256 } = output;
    const moved = join(dir, 'faststart.mp4');
    try {
      if (!(await this.media.faststart(path, moved))) return { objectKey, contentType, bytes, sha256 };
    } catch (error) {
      warnings.push(`output ${output.n}: faststart failed (${reasonOf(error)})`);
      return { objectKey, contentType, bytes, sha256 };
    }
    await rename(moved, path);
    const key = `${prefixOf(output)}-faststart.${extensionOf(contentType)}`;
    const [{ size }, hash] = await Promise.all([stat(path), hashFile(path)]);
    await this.store.put(key, createReadStream(path), { contentType, signal });
    return { objectKey: key, contentType, bytes: size, sha256: hash };
  }
}

const prefixOf = (output: Derivable): string =>
  `outputs/${output.jobId}/${output.run}/${output.claimToken}/${output.n}`;

/** Decoder messages may hold paths; only what is meant for people is shown. */
const reasonOf = (error: unknown): string => (error instanceof UnusableMedia ? messageOf(error) : 'the decoder failed');

/** The pictures of one artifact. Each may fail for itself. */
class Pictures {
  private readonly files = new Map<Variant, Derivative>();

  constructor(
    private readonly media: Media,
    private readonly dir: string,
    private readonly label: string,
    private readonly warnings: string[],
  ) {}

  async make(path: string, facts: MediaFacts): Promise<{ files: Map<Variant, Derivative>; blurhash: string | null }> {
    await mkdir(this.dir, { recursive: true });
    const blurhash = await this.byKind(path, facts);
    return { files: this.files, blurhash };
  }

  private async byKind(path: string, facts: MediaFacts): Promise<string | null> {
    switch (facts.kind) {
      case 'video': {
        const poster = await this.add('poster', (dir) => this.media.poster(path, dir, facts));
        await this.add('preview', (dir) => this.media.preview(path, dir, facts));
        await this.add('spritesheet', (dir) => this.media.spritesheet(path, dir, facts));
        return poster === null ? null : this.ofPicture(poster.path);
      }
      case 'image':
        await this.add('preview', (dir) => this.media.webpPreview(path, dir));
        return this.ofPicture(path);
      case 'audio':
        await this.add('waveform', (dir) => this.media.waveform(path, dir));
        return null;
    }
  }

  private async ofPicture(path: string): Promise<string | null> {
    await this.add('thumbnail', (dir) => this.media.thumbnail(path, dir));
    return this.attempt('blurhash', async () => this.media.blurhash(path));
  }

  private async add(variant: Variant, work: (dir: string) => Promise<Derivative>): Promise<Derivative | null> {
    const dir = join(this.dir, variant);
    await mkdir(dir, { recursive: true });
    const made = await this.attempt(variant, async () => work(dir));
    if (made !== null) this.files.set(variant, made);
    return made;
  }

  private async attempt<T>(what: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      this.warnings.push(`${this.label}: ${what} failed (${reasonOf(error)})`);
      return null;
    }
  }
}
