import type { JobEvent } from './events.js';

export interface StageTime {
  stage: string;
  ms: number;
}

/** How long each stage of a job took, from the times that its events carry. */
export class Timeline {
  private readonly marks: { stage: string; at: number }[] = [];

  /** The first stage begins when the job is created; its later ones with the events that tell of them. */
  begin(stage: string, createdAt: string): void {
    this.marks.push({ stage, at: Date.parse(createdAt) });
  }

  add({ type, data }: JobEvent): void {
    if (data.at === undefined) return;
    const stage = type === 'job.running' ? 'submitting' : type.replace(/^job\./, '');
    if (stage !== this.marks.at(-1)?.stage) this.marks.push({ stage, at: Date.parse(data.at) });
  }

  /** `finishedAt` closes the last stage. A stage that a job passed twice is summed. */
  stages(finishedAt: string): StageTime[] {
    const times = new Map<string, number>();
    for (const [n, { stage, at }] of this.marks.entries()) {
      const end = this.marks[n + 1]?.at ?? Date.parse(finishedAt);
      times.set(stage, (times.get(stage) ?? 0) + Math.max(end - at, 0));
    }
    return [...times].map(([stage, ms]) => ({ stage, ms }));
  }
}
