import { createHash } from 'node:crypto';
import { type FaultName, type FaultPhase, FAULTS, faultSpec, isFaultName } from './fault-table.js';

export const PROVIDERS = [
  'vertex',
  'gemini',
  'comfyui',
  'acestep',
  'ark',
  'openai',
  'kling',
  'replicate',
  'gpu',
  'fal',
  'google',
  'openrouter',
  'deepseek',
  'moonshot',
  'groq',
  'deepinfra',
  'vllm',
  'anthropic',
  'bedrock',
  'whisper',
  'kokoro',
] as const;
export type Provider = (typeof PROVIDERS)[number];

/** Faults that travel with a task; the value is the marker's `=VALUE`, or null. */
export type TaskFaults = Partial<Record<FaultName, number | null>>;

export interface ArmedFault {
  provider: Provider | '*';
  fault: FaultName;
  /** Null: until cleared. */
  times: number | null;
  value: number | null;
  /** Only requests whose prompt contains this. */
  match: string | null;
}

export interface ReadPrompt {
  /** The prompt without its markers: what is drawn. */
  text: string;
  faults: TaskFaults;
  /** What is wrong with a marker, when something is. */
  problem: string | null;
}

const MARKER = /\[\[sandbox:([a-z0-9-]+)(?:=([^\]]*))?\]\]/gi;

/** Finds the markers `[[sandbox:NAME]]` and `[[sandbox:NAME=VALUE]]` of a prompt. */
export function readPrompt(prompt: string): ReadPrompt {
  const faults: TaskFaults = {};
  let problem: string | null = null;
  const text = prompt.replaceAll(MARKER, (_marker, rawName: string, rawValue: string | undefined) => {
    const name = rawName.toLowerCase();
    if (!isFaultName(name)) {
      problem ??= `unknown sandbox marker '${name}'; known are ${Object.keys(FAULTS).join(', ')}`;
      return '';
    }
    const value = rawValue === undefined ? null : Number(rawValue);
    problem ??= valueProblem(name, value);
    faults[name] = value;
    return '';
  });
  return { text: text.trim(), faults, problem };
}

function valueProblem(name: FaultName, value: number | null): string | null {
  const kind = faultSpec(name).value;
  if (kind === 'none') return value === null ? null : `sandbox marker '${name}' takes no value`;
  if (value === null) return kind === 'count' ? null : `sandbox marker '${name}' needs a value (${kind})`;
  return Number.isSafeInteger(value) && value >= 0 ? null : `sandbox marker '${name}' takes a whole number (${kind})`;
}

/**
 * What goes wrong when. A fault comes with a prompt (a marker) or is armed by an admin call for the next `times` occasions of
 * its phase; armed ones of the phases `run` and `text` bind to the next accepted task.
 */
export class FaultBoard {
  private armed: ArmedFault[] = [];
  private readonly shown = new Map<string, number>();

  arm(fault: ArmedFault): void {
    this.armed.push(fault);
  }

  list(): ArmedFault[] {
    return this.armed.map((fault) => ({ ...fault }));
  }

  /** Disarms everything and forgets how often the markers of each prompt were shown. */
  clear(): void {
    this.armed = [];
    this.shown.clear();
  }

  /** The fault of a submit, before (`submit`) or after (`accept`) it was taken. */
  onSubmit(
    provider: Provider,
    phase: 'submit' | 'accept',
    prompt: string,
    faults: TaskFaults,
  ): { name: FaultName; value: number | null } | null {
    const armed = this.takeArmed(provider, phase, prompt);
    if (armed !== null) return { name: armed.fault, value: armed.value };
    const name = this.takeMarker(
      phase,
      faults,
      `${provider}:${createHash('sha256').update(prompt).digest('base64url')}`,
    );
    return name === null ? null : { name, value: null };
  }

  /** The faults a task takes with it: its markers and what was armed for the next task; an answer in text also takes `text`. */
  bind(provider: Provider, prompt: string, faults: TaskFaults, phase: 'run' | 'text' = 'run'): TaskFaults {
    const bound = { ...faults };
    for (
      let armed = this.takeArmed(provider, phase, prompt);
      armed !== null;
      armed = this.takeArmed(provider, phase, prompt, bound)
    ) {
      bound[armed.fault] = armed.value;
    }
    return bound;
  }

  /** The fault of a poll or a download of a task. */
  during(
    provider: Provider,
    phase: 'poll' | 'download',
    taskId: string,
    prompt: string,
    faults: TaskFaults,
  ): FaultName | null {
    return this.takeArmed(provider, phase, prompt)?.fault ?? this.takeMarker(phase, faults, `${provider}:${taskId}`);
  }

  private takeArmed(provider: Provider, phase: FaultPhase, prompt: string, except: TaskFaults = {}): ArmedFault | null {
    const found = this.armed.find(
      (fault) =>
        faultSpec(fault.fault).phase === phase &&
        (fault.provider === '*' || fault.provider === provider) &&
        (fault.match === null || prompt.includes(fault.match)) &&
        !(fault.fault in except),
    );
    if (found === undefined) return null;
    if (found.times !== null && --found.times <= 0) this.armed = this.armed.filter((fault) => fault !== found);
    return found;
  }

  private takeMarker(phase: FaultPhase, faults: TaskFaults, owner: string): FaultName | null {
    for (const [name, value] of Object.entries(faults) as [FaultName, number | null][]) {
      const spec = faultSpec(name);
      if (spec.phase !== phase) continue;
      const limit =
        spec.value === 'count' ? (value ?? spec.times ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY;
      const key = `${owner}:${name}`;
      const count = this.shown.get(key) ?? 0;
      if (count >= limit) continue;
      // Faults without a limit need no counter: ten thousand tasks shall leave nothing behind.
      if (Number.isFinite(limit)) this.shown.set(key, count + 1);
      return name;
    }
    return null;
  }
}
