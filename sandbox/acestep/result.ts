import type { AceStepServer, MusicTask } from './tasks.js';

const OFF_ORIGIN = 'http://169.254.169.254/latest/meta-data/';

export interface QueryRow {
  /** 0 queued or running (or unknown!), 1 succeeded, 2 failed. */
  status: 0 | 1 | 2;
  /** JSON of a list, one element per audio. */
  result: string;
  progress_text: string;
}

/** A task's row of `/query_result`. An unknown id reads exactly like one that waits, but for its empty result. */
export function statusOf(task: MusicTask | null, server: AceStepServer): QueryRow {
  const state = task === null ? ({ state: 'unknown' } as const) : server.stateOf(task);
  if (task === null || state.state === 'unknown') return { status: 0, result: '[]', progress_text: '' };
  switch (state.state) {
    case 'queued':
      return {
        status: 0,
        result: JSON.stringify([element(task, { progress: 0, stage: 'queued', status: 0 })]),
        progress_text: '',
      };
    case 'running':
      return {
        status: 0,
        result: JSON.stringify([element(task, { progress: state.progress, stage: 'running', status: 0 })]),
        progress_text: `${Math.round(state.progress * 100)}%`,
      };
    case 'failed':
      return {
        status: 2,
        result: JSON.stringify([element(task, { progress: 0, stage: 'failed', status: 2, ...failureOf(task) })]),
        progress_text: '',
      };
    case 'succeeded':
      return { status: 1, result: JSON.stringify(resultOf(task)), progress_text: '' };
  }
}

function failureOf(task: MusicTask): { error?: string } {
  // The failure's text is usually missing; a policy block says so, for lack of another way to tell it.
  return 'policy' in task.faults ? { error: 'The prompt was blocked by the content policy.' } : {};
}

function resultOf(task: MusicTask): object[] {
  if ('empty' in task.faults) return [];
  return task.files.map(({ name }) => {
    const link = `/v1/audio?path=${encodeURIComponent(name)}`;
    return element(task, {
      file: 'off-origin' in task.faults ? OFF_ORIGIN : link,
      progress: 1,
      stage: 'succeeded',
      status: 1,
    });
  });
}

function element(
  task: MusicTask,
  own: { progress: number; stage: string; status: number; file?: string; error?: string },
): object {
  const { request } = task;
  return {
    file: '',
    wave: '',
    create_time: Math.floor(task.createdAtMs / 1000),
    env: 'development',
    prompt: request.prompt,
    lyrics: request.lyrics,
    metas: {
      bpm: request.bpm,
      duration: request.seconds,
      genres: '',
      keyscale: request.keyScale,
      timesignature: request.timeSignature,
    },
    generation_info: '',
    seed_value: request.seeds.join(','),
    lm_model: 'acestep-5Hz-lm-0.6B',
    dit_model: request.model,
    ...own,
  };
}
