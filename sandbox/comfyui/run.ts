import { sleep } from '../clock.js';
import type { SandboxContext } from '../context.js';
import { readPrompt } from '../faults.js';
import { Evaluation, graphFingerprint } from './evaluate.js';
import type { ComfyFiles, FileRef } from './files.js';
import { type Graph, type GraphNode, isLink } from './graph.js';
import type { ComfyEvent, HistoryEntry, LastRun, NodeOutput, QueueItem } from './types.js';

const MAX_PROGRESS_STEPS = 20;
const QUICK_MS = 50;
/** Realistic time of a sampler by what the model file's name says. */
const SAMPLER_MS: readonly [RegExp, number][] = [
  [/framepack/i, 60_000],
  [/wan|hunyuan|ltx/i, 25_000],
  [/ace_step/i, 5_000],
  [/schnell/i, 3_000],
  [/flux/i, 8_000],
];
const OTHER_SAMPLER_MS = 4_000;
/** Between `execution_success` and the history entry; the server is like that. */
const HISTORY_DELAY_MS = 40;

/** Aborts a run as an interrupt does. */
export class Interrupted extends Error {}
/** Ends a run without a trace, as a crash does. */
export class Lost extends Error {}

class NodeFailure extends Error {
  constructor(
    message: string,
    readonly exceptionType: string,
  ) {
    super(message);
  }
}

interface RunHooks {
  /** To the socket of the prompt's client. */
  emit(event: ComfyEvent): void;
  onNode(node: string): void;
}

/** One execution of one prompt. */
export class Run {
  private readonly messages: [string, Record<string, unknown>][] = [];
  private readonly outputs: Record<string, NodeOutput> = {};
  private readonly executed: string[] = [];
  private current = '';

  constructor(
    private readonly context: SandboxContext,
    private readonly files: ComfyFiles,
    private readonly item: QueueItem,
    private readonly signal: AbortSignal,
    private readonly hooks: RunHooks,
  ) {}

  /** Null: the prompt vanished without a trace. */
  async execute(lastRun: LastRun | null): Promise<HistoryEntry | null> {
    const { item } = this;
    const isCached = lastRun !== null && lastRun.fingerprint === graphFingerprint(item.graph);
    this.say('execution_start', {});
    this.say('execution_cached', { nodes: isCached ? Object.keys(item.graph) : [] });
    try {
      if (isCached) Object.assign(this.outputs, lastRun.outputs);
      else await this.runNodes();
      if ('empty' in item.faults) for (const id of Object.keys(this.outputs)) delete this.outputs[id];
      this.say('execution_success', {});
      await sleep(this.context.clock.scaled(HISTORY_DELAY_MS), this.signal);
      return this.entry('success');
    } catch (error) {
      return this.fail(error);
    }
  }

  private async runNodes(): Promise<void> {
    const { item } = this;
    const evaluation = new Evaluation(
      item.graph,
      (name) => this.files.picture(name),
      (text) => readPrompt(text).text,
    );
    const order = evaluation.order(item.outputs);
    const heavy = order.find((id) => isSampler(item.graph[id])) ?? order[0];
    for (const id of order) {
      this.current = id;
      this.hooks.onNode(id);
      this.hooks.emit({ type: 'executing', data: { node: id, display_node: id, prompt_id: item.promptId } });
      if (id === heavy) await this.work(id);
      this.signal.throwIfAborted();
      await evaluation.run(id);
      this.executed.push(id);
      const deliverables = evaluation.deliverables.get(id);
      if (deliverables !== undefined)
        this.deliver(
          id,
          deliverables.map((one) =>
            this.files.write(one, { promptId: item.promptId, prompt: item.text, faults: item.faults }),
          ),
        );
    }
  }

  private deliver(id: string, files: FileRef[]): void {
    const className = this.item.graph[id]?.class_type;
    const output: NodeOutput =
      className === 'SaveAudioMP3'
        ? { audio: files }
        : { images: files, ...(className === 'SaveVideo' ? { animated: [true] } : {}) };
    this.outputs[id] = output;
    this.hooks.emit({ type: 'executed', data: { node: id, display_node: id, output, prompt_id: this.item.promptId } });
  }

  /** The step that takes the time: sampling, or the whole graph where it has no sampler. */
  private async work(id: string): Promise<void> {
    const { faults, graph } = this.item;
    const node = graph[id];
    const samples = isSampler(node);
    const totalMs = faults.latency ?? this.context.clock.scaled(samples ? samplerMs(graph) : QUICK_MS);
    const wanted = samples ? stepsOf(graph, node) : 1;
    const steps = Math.max(1, Math.min(wanted, MAX_PROGRESS_STEPS));
    for (let step = 1; step <= steps; step += 1) {
      await sleep(totalMs / steps, this.signal);
      if (samples) this.progress(id, Math.round((wanted * step) / steps), wanted);
      if (step * 2 >= steps) await this.strike();
    }
  }

  /** The faults that hit in the middle of the work. */
  private async strike(): Promise<void> {
    const { faults } = this.item;
    if ('never' in faults) await aborted(this.signal);
    if ('lost' in faults) throw new Lost();
    if ('oom' in faults)
      throw new NodeFailure(
        'Allocation on device 0 would exceed allowed memory. (out of memory)\nCurrently allocated: 23.1 GiB\nDevice limit: 23.6 GiB',
        'torch.OutOfMemoryError',
      );
    if ('policy' in faults)
      throw new NodeFailure('The prompt was blocked by the content policy.', 'ContentPolicyError');
    if ('fail' in faults)
      throw new NodeFailure('mat1 and mat2 shapes cannot be multiplied (77x768 and 4096x3072)', 'RuntimeError');
  }

  private progress(id: string, value: number, max: number): void {
    const { promptId } = this.item;
    const state = value >= max ? 'finished' : 'running';
    const node = {
      value,
      max,
      state,
      node_id: id,
      prompt_id: promptId,
      display_node_id: id,
      parent_node_id: null,
      real_node_id: id,
    };
    this.hooks.emit({ type: 'progress_state', data: { prompt_id: promptId, nodes: { [id]: node } } });
    this.hooks.emit({ type: 'progress', data: { value, max, prompt_id: promptId, node: id } });
  }

  private say(type: string, data: Record<string, unknown>): void {
    const full = { prompt_id: this.item.promptId, ...data, timestamp: this.context.clock.now() };
    this.messages.push([type, full]);
    this.hooks.emit({ type, data: full });
  }

  private fail(error: unknown): HistoryEntry | null {
    if (error instanceof Lost) return null;
    const nodeType = this.item.graph[this.current]?.class_type ?? null;
    const where = { node_id: this.current, node_type: nodeType, executed: [...this.executed] };
    if (error instanceof Interrupted) {
      this.say('execution_interrupted', where);
    } else {
      const failure = error instanceof NodeFailure ? error : new NodeFailure((error as Error).message, 'Exception');
      this.say('execution_error', {
        ...where,
        exception_message: failure.message,
        exception_type: failure.exceptionType,
        traceback: [`  File "/app/execution.py", in execute\n`],
        current_inputs: {},
        current_outputs: [...this.executed],
      });
    }
    return this.entry('error');
  }

  private entry(status: 'success' | 'error'): HistoryEntry {
    const outputs = status === 'success' ? this.outputs : {};
    return {
      item: this.item,
      outputs,
      status: { status_str: status, completed: status === 'success', messages: this.messages },
    };
  }
}

const SAMPLERS = ['KSampler', 'SamplerCustomAdvanced', 'FramePackSampler'];

function isSampler(node: GraphNode | undefined): node is GraphNode {
  return node !== undefined && SAMPLERS.includes(node.class_type);
}

/** Of the sampler itself, or of the scheduler that its sigmas come from. */
function stepsOf(graph: Graph, { inputs }: GraphNode): number {
  const { steps, sigmas } = inputs;
  const from = steps ?? (isLink(sigmas) ? graph[sigmas[0]]?.inputs['steps'] : undefined);
  return typeof from === 'number' ? from : 1;
}

function samplerMs(graph: Graph): number {
  const files = Object.values(graph).flatMap(({ inputs }) => [
    inputs['unet_name'],
    inputs['ckpt_name'],
    inputs['model'],
  ]);
  const isLoaded = (pattern: RegExp) => files.some((file) => typeof file === 'string' && pattern.test(file));
  return SAMPLER_MS.find(([pattern]) => isLoaded(pattern))?.[1] ?? OTHER_SAMPLER_MS;
}

function aborted(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted();
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
