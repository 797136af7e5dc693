/** How a node's input is declared, in the words of `/object_info`. */
export type InputSpec =
  | { type: 'LINK'; of: string }
  | { type: 'COMBO'; options: readonly string[]; standard?: string }
  | { type: 'INT' | 'FLOAT'; min?: number; max?: number; step?: number; standard?: number }
  | { type: 'STRING'; standard?: string; multiline?: boolean }
  | { type: 'BOOLEAN'; standard?: boolean }
  /** The name of an uploaded file. */
  | { type: 'UPLOAD' };

export interface NodeSpec {
  required: Record<string, InputSpec>;
  optional?: Record<string, InputSpec>;
  /** Output types by slot. */
  outputs: readonly string[];
  isOutput?: boolean;
  category: string;
}

export const link = (of: string): InputSpec => ({ type: 'LINK', of });
export const combo = (options: readonly string[], standard?: string): InputSpec => ({
  type: 'COMBO',
  options,
  standard,
});
export const int = (min: number, max: number, standard: number, step = 1): InputSpec => ({
  type: 'INT',
  min,
  max,
  standard,
  step,
});
export const float = (min: number, max: number, standard: number, step = 0.01): InputSpec => ({
  type: 'FLOAT',
  min,
  max,
  standard,
  step,
});
export const text = (standard = '', multiline = false): InputSpec => ({ type: 'STRING', standard, multiline });
export const flag = (standard: boolean): InputSpec => ({ type: 'BOOLEAN', standard });
