import sharp from 'sharp';
import type { TaskFaults } from '../faults.js';
import type { Picture } from '../render/recipes.js';
import type { Studio } from '../render/studio.js';
import type { Deliverable } from './values.js';

export type Folder = 'input' | 'output' | 'temp';
export const FOLDERS: readonly Folder[] = ['input', 'output', 'temp'];

export interface FileRef {
  filename: string;
  subfolder: string;
  type: Folder;
}

/** A file of the server: bytes that were uploaded, or something to be rendered when it is first read. */
export interface StoredFile {
  ref: FileRef;
  content: { kind: 'uploaded'; path: string } | { kind: 'made'; deliverable: Deliverable };
  promptId: string | null;
  prompt: string;
  faults: TaskFaults;
}

const EXTENSIONS: Readonly<Record<Deliverable['kind'], string>> = { image: 'png', video: 'mp4', audio: 'mp3' };
const MAX_FILES = 20_000;

/** The input, output and temp folders of one server. They outlive its restarts. */
export class ComfyFiles {
  private readonly files = new Map<string, StoredFile>();
  private readonly counters = new Map<string, number>();

  constructor(private readonly studio: Studio) {}

  find(ref: FileRef): StoredFile | null {
    return this.files.get(keyOf(ref)) ?? null;
  }

  /** By the name a graph gives: `sub/name.png`, with ` [output]` or ` [temp]` for another folder than input. */
  findAnnotated(name: string): StoredFile | null {
    const match = /^(.*?)(?: \[(input|output|temp)\])?$/.exec(name);
    const path = match?.[1] ?? name;
    const cut = path.lastIndexOf('/');
    return this.find({
      filename: path.slice(cut + 1),
      subfolder: path.slice(0, Math.max(0, cut)),
      type: (match?.[2] as Folder | undefined) ?? 'input',
    });
  }

  /** Uploaded files, as LoadImage offers them. */
  inputNames(): string[] {
    return [...this.files.values()]
      .filter((file) => file.ref.type === 'input')
      .map(({ ref }) => (ref.subfolder === '' ? ref.filename : `${ref.subfolder}/${ref.filename}`));
  }

  /** Stores an upload; the same name with other content becomes `name (1).ext` unless it may be overwritten. */
  async upload(bytes: Buffer, wanted: FileRef, overwrite: boolean): Promise<FileRef> {
    const path = await this.studio.keep(bytes);
    const dot = wanted.filename.lastIndexOf('.');
    const [stem, extension] =
      dot <= 0 ? [wanted.filename, ''] : [wanted.filename.slice(0, dot), wanted.filename.slice(dot)];
    const isTaken = (candidate: FileRef) => {
      const existing = this.find(candidate);
      return existing !== null && !(existing.content.kind === 'uploaded' && existing.content.path === path);
    };
    let ref = wanted;
    if (!overwrite) {
      for (let copy = 1; isTaken(ref); copy += 1) ref = { ...wanted, filename: `${stem} (${copy})${extension}` };
    }
    this.put({ ref, content: { kind: 'uploaded', path }, promptId: null, prompt: '', faults: {} });
    return ref;
  }

  /** Names an output as the server does: `prefix_00001_.ext`, counted per prefix. */
  write(deliverable: Deliverable, owner: Pick<StoredFile, 'promptId' | 'prompt' | 'faults'>): FileRef {
    const { prefix } = deliverable;
    const isTemporary = deliverable.kind === 'image' && deliverable.temporary;
    const type: Folder = isTemporary ? 'temp' : 'output';
    if (prefix.startsWith('/') || prefix.split('/').includes('..')) {
      throw new Error('Saving image outside the output folder is not allowed.');
    }
    const cut = prefix.lastIndexOf('/');
    const subfolder = prefix.slice(0, Math.max(0, cut));
    const counterKey = `${type}/${prefix}`;
    const counter = (this.counters.get(counterKey) ?? 0) + 1;
    this.counters.set(counterKey, counter);
    const extension = EXTENSIONS[deliverable.kind];
    const ref: FileRef = {
      filename: `${prefix.slice(cut + 1)}_${String(counter).padStart(5, '0')}_.${extension}`,
      subfolder,
      type,
    };
    this.put({ ref, content: { kind: 'made', deliverable }, ...owner });
    return ref;
  }

  /** Where the bytes lie, rendering them if nobody has read them yet. */
  async open(file: StoredFile): Promise<string> {
    if (file.content.kind === 'uploaded') return file.content.path;
    const { deliverable } = file.content;
    switch (deliverable.kind) {
      case 'image':
        return this.studio.picture(deliverable.picture);
      case 'video':
        return this.studio.clip(deliverable.clip);
      case 'audio':
        return this.studio.piece(deliverable.piece);
    }
  }

  async picture(annotatedName: string): Promise<Picture> {
    const file = this.findAnnotated(annotatedName);
    if (file === null) throw new Error(`[Errno 2] No such file or directory: '${annotatedName}'`);
    const path = await this.open(file);
    try {
      const { width, height } = await sharp(path).metadata();
      return { kind: 'file', path, width, height };
    } catch {
      throw new Error(`cannot identify image file '${annotatedName}'`);
    }
  }

  private put(file: StoredFile): void {
    this.files.set(keyOf(file.ref), file);
    if (this.files.size > MAX_FILES) this.files.delete(this.files.keys().next().value ?? '');
  }
}

function keyOf(ref: FileRef): string {
  return `${ref.type}:${ref.subfolder}/${ref.filename}`;
}
