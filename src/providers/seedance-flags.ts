/**
 * Ark still reads parameters out of the prompt ("a cat --rs 1080p --dur 15"): it checks them loosely, bills what they ask for
 * and does not say whether they or the request's own fields win. So a prompt that holds one is refused rather than sent.
 */

/** Names and short names of its documentation: resolution, ratio, duration, frames, frames a second, seed, camera, watermark. */
const KNOWN =
  /--(?:resolution|rs|ratio|rt|duration|dur|frames?|frames_?per_?second|fps|seed|camera_?fixed|cf|watermark|wm)(?![a-z])/i;

/** Anything else that looks like one: short names are not all documented. A dash of prose has no such value behind it. */
const ALIKE = /(?<![^\s.,;:!?"'()[\]])--[a-z][a-z_]*(?:\s*[=:]\s*|\s+)(?:-?\d|true\b|false\b|adaptive\b)/i;

/** The parameter that the provider might read out of this prompt, as it stands there; null where there is none. */
export function promptFlag(prompt: string): string | null {
  return KNOWN.exec(prompt)?.[0] ?? ALIKE.exec(prompt)?.[0].trim() ?? null;
}

export const flagProblem = (flag: string): string =>
  `prompt holds '${flag}', which Seedance reads as a parameter; ask for it by its own field and take it out of the prompt`;
