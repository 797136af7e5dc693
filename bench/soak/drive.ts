import { setTimeout as sleep } from 'node:timers/promises';
import { type Answer, ask, askUntilAnswered, errorTypeOf, PATIENCE_MS, REPEAT_MS } from './client.js';
import type { JobAct, Plan, TextAct } from './plan.js';
import type { Receiver } from './receiver.js';
import { textRequest, wasComplete } from './text-requests.js';
import type { SoakKey } from './world.js';

/** What a client was told about one of its jobs. */
export interface JobTold {
  act: JobAct;
  /** Ids of every answer to the POST; null of a refused one. */
  jobIds: string[];
  /** Code of the refusal. */
  refusal: string | null;
  /** POSTs sent, those without an answer included. */
  tries: number;
}

/** What a client was told by one answer of the gateway. */
export interface TextTold {
  act: TextAct;
  requestId: string;
  status: number;
  errorType: string | null;
  /** `x-kiln-cost-micro-usd`; null where it was not told. */
  chargedMicroUsd: number | null;
  /** The client has all of it: the last frame of a stream, or the whole body. */
  complete: boolean;
  /** The stored answer of an earlier try. */
  replayed: boolean;
}

export interface Told {
  jobs: JobTold[];
  texts: TextTold[];
  /** Requests that no answer came to. */
  unanswered: number;
  /** Jobs that a client replayed, and canceled. */
  replays: number;
  cancels: number;
}

const JOB_CLIENTS = 40;
const TEXT_CLIENTS = 16;
const MAX_WAIT_MS = 25_000;
/** Requests run at most this much ahead of the jobs, as a share: both are under way until the end. */
const AHEAD = 0.02;
const BREAK_MS = 25;
const LOOK_MS = 1000;

/** The clients of a soak: they send what the plan says and remember every answer. */
export class Drive {
  readonly told: Told = { jobs: [], texts: [], unanswered: 0, replays: 0, cancels: 0 };
  /** Replays wait for their job's end while the client goes on. */
  private readonly replaying: Promise<void>[] = [];
  private jobsDone = 0;
  private textsDone = 0;

  constructor(
    private readonly url: string,
    private readonly plan: Plan,
    private readonly keys: readonly SoakKey[],
    private readonly receiver: Receiver,
  ) {}

  /** Share of the jobs that are behind the clients. */
  get progress(): number {
    return this.plan.jobs === 0 ? this.textsDone / Math.max(this.plan.requests, 1) : this.jobsDone / this.plan.jobs;
  }

  async run(): Promise<Told> {
    const [jobs, texts] = [[...this.plan.jobActs], [...this.plan.textActs]];
    await Promise.all([
      ...Array.from({ length: JOB_CLIENTS }, async () => {
        for (let act = jobs.shift(); act; act = jobs.shift()) {
          await this.job(act);
          this.jobsDone += 1;
        }
      }),
      ...Array.from({ length: TEXT_CLIENTS }, async () => {
        for (let act = texts.shift(); act; act = texts.shift()) {
          while (this.textsDone / this.plan.requests > this.progress + AHEAD) await sleep(BREAK_MS);
          await this.text(act);
          this.textsDone += 1;
        }
      }),
    ]);
    await Promise.all(this.replaying);
    return this.told;
  }

  private secretOf(key: number): string {
    const found = this.keys[key];
    if (!found) throw new Error(`there is no key ${key}`);
    return found.secret;
  }

  private async job(act: JobAct): Promise<void> {
    const told: JobTold = { act, jobIds: [], refusal: null, tries: 0 };
    this.told.jobs.push(told);
    const post = async (): Promise<Answer> =>
      askUntilAnswered(this.url, this.postOf(act), () => {
        told.tries += 1;
      });
    const answer = await post();
    if (answer.status >= 300) {
      told.refusal = `${answer.status} ${errorTypeOf(answer.text)}`;
      return;
    }
    const jobId = idOf(answer);
    told.jobIds.push(jobId);
    if (act.afterwards === 'again') told.jobIds.push(idOf(await post()));
    if (act.afterwards === 'cancel') {
      await sleep(act.waitMs);
      await this.command(act, jobId, 'cancel');
      this.told.cancels += 1;
    }
    if (act.webhook) await this.receiver.ended(jobId, 1, MAX_WAIT_MS);
    if (act.afterwards === 'replay') this.later(this.replayOnceFailed(act, jobId));
  }

  /** Goes on beside the client; how it went is looked at in the end. */
  private later(work: Promise<void>): void {
    work.catch(() => undefined);
    this.replaying.push(work);
  }

  private postOf({ n, key, offer, prompt, mark, deadlineSeconds, webhook }: JobAct): Parameters<typeof ask>[1] {
    return {
      method: 'POST',
      path: '/v1/jobs',
      secret: this.secretOf(key),
      headers: { 'idempotency-key': mark },
      body: {
        model: offer.model,
        input: { prompt, ...offer.input },
        metadata: { soak: String(n) },
        ...(offer.only === null ? {} : { routing: { only: [offer.only] } }),
        ...(deadlineSeconds === null ? {} : { deadline_seconds: deadlineSeconds }),
        ...(webhook ? { webhook: { url: this.receiver.urlOf(key) } } : {}),
      },
    };
  }

  private async command(act: JobAct, jobId: string, command: string): Promise<Answer> {
    return askUntilAnswered(this.url, {
      method: 'POST',
      path: `/v1/jobs/${jobId}/${command}`,
      secret: this.secretOf(act.key),
      headers: { 'idempotency-key': `${act.mark}-${command}` },
      body: {},
    });
  }

  /** A run more for a job that failed, if nothing of the first one is still open. */
  private async replayOnceFailed(act: JobAct, jobId: string): Promise<void> {
    const get = { method: 'GET', path: `/v1/jobs/${jobId}`, secret: this.secretOf(act.key) } as const;
    const until = Date.now() + MAX_WAIT_MS;
    let status = statusOf(await askUntilAnswered(this.url, get));
    while ((status === 'queued' || status === 'running') && Date.now() < until) {
      await sleep(LOOK_MS);
      status = statusOf(await askUntilAnswered(this.url, get));
    }
    if (status !== 'failed') return;
    const replay = await this.command(act, jobId, 'replay');
    if (replay.status >= 300) return;
    this.told.replays += 1;
    if (act.webhook) await this.receiver.ended(jobId, 2, MAX_WAIT_MS);
  }

  private async text(act: TextAct): Promise<void> {
    const request = {
      ...textRequest(act),
      secret: this.secretOf(act.key),
      hangUpAfterMs: act.hangUpAfterMs,
      ...(act.repeats ? { headers: { 'idempotency-key': `soak-${this.plan.seed}-${act.n}` } } : {}),
    };
    const note = (answer: Answer | null): void => this.note(act, answer);
    if (act.repeats && act.hangUpAfterMs === null && !act.streamed) await this.repeat(act, request, note);
    else note(await ask(this.url, request));
  }

  /** As a client library does: again where no answer came. An answer of 5xx is the provider's, and an answer. */
  private async repeat(
    act: TextAct,
    request: Parameters<typeof ask>[1],
    note: (answer: Answer | null) => void,
  ): Promise<void> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await ask(this.url, request);
      note(answer);
      if (answer?.whole === true && answer.status !== 409) return;
      if (Date.now() > until) throw new Error(`request ${act.n} had no answer: ${answer?.status} ${answer?.text}`);
      await sleep(REPEAT_MS);
    }
  }

  private note(act: TextAct, answer: Answer | null): void {
    if (answer === null) {
      this.told.unanswered += 1;
      return;
    }
    const { status, headers, text } = answer;
    const charged = headers.get('x-kiln-cost-micro-usd');
    this.told.texts.push({
      act,
      requestId: headers.get('x-request-id') ?? '',
      status,
      errorType: status >= 300 ? errorTypeOf(text) : null,
      chargedMicroUsd: charged === null ? null : Number(charged),
      complete: wasComplete(act, answer),
      replayed: headers.get('idempotent-replayed') === 'true',
    });
  }
}

function idOf({ text }: Answer): string {
  return (JSON.parse(text) as { id: string }).id;
}

function statusOf({ text }: Answer): string {
  return (JSON.parse(text) as { status?: string }).status ?? '';
}
