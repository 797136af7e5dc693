import type { ComfyInstance } from './instance.js';
import type { HistoryEntry, QueueItem } from './types.js';

/** `[number, prompt_id, prompt, extra_data, outputs_to_execute]`, as `/queue` and `/history` show a prompt. */
export function queueTuple(item: QueueItem): unknown[] {
  return [item.number, item.promptId, item.graph, item.extraData, item.outputs];
}

export function historyView(entry: HistoryEntry): object {
  const meta = Object.fromEntries(
    Object.keys(entry.outputs).map((id) => [
      id,
      { node_id: id, display_node: id, parent_node: null, real_node_id: id },
    ]),
  );
  return { prompt: queueTuple(entry.item), outputs: entry.outputs, status: entry.status, meta };
}

const STATUSES = ['pending', 'in_progress', 'completed', 'failed', 'cancelled'] as const;
export type JobStatus = (typeof STATUSES)[number];

export function isJobStatus(value: string): value is JobStatus {
  return STATUSES.some((status) => status === value);
}

export type JobView = { id: string; status: JobStatus; create_time?: unknown } & Record<string, unknown>;

function withoutNulls(job: JobView): JobView {
  return Object.fromEntries(
    Object.entries(job).filter(([, value]) => value !== null && value !== undefined),
  ) as JobView;
}

function queuedJob(item: QueueItem, status: JobStatus): JobView {
  return {
    id: item.promptId,
    status,
    priority: item.number,
    create_time: item.extraData['create_time'],
    outputs_count: 0,
    previewable_outputs_count: 0,
  };
}

function finishedJob(entry: HistoryEntry): JobView {
  const messageOf = (type: string) => entry.status.messages.find(([name]) => name === type)?.[1] ?? null;
  const error = messageOf('execution_error');
  const interrupted = messageOf('execution_interrupted');
  const end = messageOf('execution_success') ?? error ?? interrupted;
  const files = Object.entries(entry.outputs).flatMap(([nodeId, output]) =>
    'audio' in output
      ? output.audio.map((file) => ({ ...file, nodeId, mediaType: 'audio' }))
      : output.images.map((file) => ({ ...file, nodeId, mediaType: 'images' })),
  );
  const failedStatus = interrupted === null ? 'failed' : 'cancelled';
  return withoutNulls({
    id: entry.item.promptId,
    status: entry.status.status_str === 'success' ? 'completed' : failedStatus,
    priority: entry.item.number,
    create_time: entry.item.extraData['create_time'],
    execution_start_time: messageOf('execution_start')?.['timestamp'],
    execution_end_time: end?.['timestamp'],
    execution_error: error,
    outputs_count: files.length,
    previewable_outputs_count: files.length,
    preview_output: files.find((file) => file.type === 'output') ?? files[0] ?? null,
  });
}

/** `/api/jobs/{id}`: the whole job, or null when the id is nowhere. */
export function jobDetail(instance: ComfyInstance, id: string): JobView | null {
  const entry = instance.history.get(id);
  if (entry !== undefined) {
    const { graph: prompt, extraData: extra_data } = entry.item;
    return {
      ...finishedJob(entry),
      outputs: entry.outputs,
      execution_status: entry.status,
      workflow: { prompt, extra_data },
    };
  }
  const item =
    instance.running?.promptId === id ? instance.running : instance.pending.find((one) => one.promptId === id);
  if (item === undefined) return null;
  return {
    ...queuedJob(item, item === instance.running ? 'in_progress' : 'pending'),
    workflow: { prompt: item.graph, extra_data: item.extraData },
  };
}

/** `/api/jobs`: every job, newest first unless asked otherwise. */
export function listJobs(instance: ComfyInstance): JobView[] {
  return [
    ...(instance.running === null ? [] : [queuedJob(instance.running, 'in_progress')]),
    ...instance.pending.map((item) => queuedJob(item, 'pending')),
    ...[...instance.history.values()].map(finishedJob),
  ];
}
