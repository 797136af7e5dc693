import type { TaskFaults } from '../faults.js';
import type { FileRef } from './files.js';
import type { Graph } from './graph.js';

/** A video is listed as an image, too. */
export type NodeOutput = { images: FileRef[]; animated?: boolean[] } | { audio: FileRef[] };

/** One entry of the queue, as `/queue` lists it. */
export interface QueueItem {
  number: number;
  promptId: string;
  graph: Graph;
  extraData: Record<string, unknown>;
  outputs: string[];
  clientId: string | null;
  /** All text of the graph, for faults that match on it. */
  text: string;
  faults: TaskFaults;
}

export interface HistoryEntry {
  item: QueueItem;
  outputs: Record<string, NodeOutput>;
  status: { status_str: 'success' | 'error'; completed: boolean; messages: [string, Record<string, unknown>][] };
}

export type ComfyEvent = { type: string; data: Record<string, unknown> };
/** `clientId` null: to every socket. */
export type Listener = (event: ComfyEvent, clientId: string | null) => void;

/** What the last successful prompt made: the same graph again is answered from it. */
export interface LastRun {
  fingerprint: string;
  outputs: Record<string, NodeOutput>;
}
