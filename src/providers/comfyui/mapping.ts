import { z } from 'zod';
import type { ReferenceRole } from '../contract.js';

export const REFERENCE_ROLES = [
  'image',
  'last_image',
  'reference_images',
  'reference_videos',
  'reference_audios',
  'video',
  'images',
  'mask',
  'audio',
] as const satisfies readonly ReferenceRole[];

export const isReferenceRole = (field: string): field is ReferenceRole =>
  REFERENCE_ROLES.some((role) => role === field);

const scalar = z.union([z.string(), z.number(), z.boolean()]);
export type Scalar = z.output<typeof scalar>;

const field = z.string().regex(/^[a-z][a-z0-9_]*$/, 'must be the name of a request field');
const resolution = z.string().min(1);
const aspectRatio = z.string().regex(/^\d+:\d+$/, 'must be an aspect ratio, as 16:9');
const side = z.int().positive();

/** ComfyUI's "API format": node id → class and inputs; a link to another node's output is `[node id, slot]`. */
export const graph = z.record(
  z.string(),
  z.object({
    class_type: z.string().min(1),
    inputs: z.record(z.string(), z.json()),
    _meta: z.json().optional(),
  }),
);
export type Graph = z.output<typeof graph>;

/** `{node id}.{input name}`; the input's name may hold dots (`11.format.codec`). */
const inputRef = z.string().regex(/^[^.]+\.[^\s]+$/, 'must name a node and an input, as 5.text');

const number = z.strictObject({
  times: z.number().default(1),
  plus: z.number().default(0),
  step: z.number().positive().optional(),
});

const conversions = {
  /** Seconds to a number of frames: plus + step · round(seconds · fps ÷ step). */
  frames: z
    .strictObject({
      /** A number, or the request field that holds it. */
      fps: z.union([z.number().positive(), field]),
      step: side.default(1),
      plus: z.int().min(0).default(0),
      /** `seconds`: the node counts in seconds, and gets those of the whole steps. */
      as: z.literal('seconds').optional(),
    })
    .optional(),
  /** value · times + plus, rounded to a multiple of `step`. */
  number: number.optional(),
  /** The node's word for each word of the request; null leaves what the workflow has. */
  values: z.record(z.string(), scalar.nullable()).optional(),
  /** For inputs with a smaller range than the request's, such as a 32-bit seed. */
  modulo: side.optional(),
  /** The reference is uploaded to the instance, and the input gets its name there. */
  upload: z.literal(true).optional(),
  /** Which reference of a role that takes several; default 0. */
  index: z.int().min(0).optional(),
};

/** One node input and how the request's value becomes its own. */
export type Target = { to: string } & { [name in keyof typeof conversions]?: z.output<(typeof conversions)[name]> };

const target = z
  .union([
    inputRef.transform((to) => ({ to })),
    z.strictObject({ to: inputRef, ...conversions }).superRefine((written, ctx) => {
      const named = (['frames', 'number', 'values', 'modulo', 'upload'] as const).filter(
        (name) => written[name] !== undefined,
      );
      if (named.length > 1) ctx.addIssue({ code: 'custom', message: `${named.join(' and ')} exclude each other` });
      if (written.index !== undefined && !written.upload)
        ctx.addIssue({ code: 'custom', message: 'index belongs to upload' });
    }),
  ])
  .transform((written): Target => written);

/** A side may go in as a part of itself: two-stage graphs begin at half the size. */
const sideTarget = z
  .union([inputRef.transform((to) => ({ to })), z.strictObject({ to: inputRef, number: number.optional() })])
  .transform((written): Pick<Target, 'to' | 'number'> => written);

const sizeShape = z.strictObject({
  width: z.array(sideTarget).min(1),
  height: z.array(sideTarget).min(1),
  /** Resolution → aspect ratio → [width, height]. */
  table: z.record(resolution, z.record(aspectRatio, z.tuple([side, side]))).optional(),
  /** Where the request says nothing; else the table's first entries. */
  default: z.strictObject({ resolution: resolution.optional(), aspect_ratio: aspectRatio.optional() }).optional(),
  /** Without an aspect ratio in the request, the table's nearest to this reference's own is taken. */
  follow: z.enum(REFERENCE_ROLES).optional(),
  /** Any width and height within these bounds, rounded to `step`. */
  free: z.strictObject({ min: side, max: side, step: side.default(1) }).optional(),
});
const size = sizeShape.superRefine((written, ctx) => {
  if (!written.table && !written.free)
    ctx.addIssue({ code: 'custom', message: 'needs a table, or free bounds, or both' });
});
export type SizeRule = z.output<typeof size>;

const outputRef = z.tuple([z.string().min(1), z.int().min(0)]);

/** What a chained node's input gets: a literal, or a key of the list's item, by a table or with an ending. */
const chainInput = z.union([
  scalar,
  z.strictObject({
    of: field,
    values: z.record(z.string(), scalar).optional(),
    append: z.string().min(1).optional(),
  }),
]);

/**
 * A list of objects becomes a chain of nodes, one an item, between the outputs that `links` name and whatever reads those.
 * The order of `links` does not matter; a node's input takes the link, and its output slot hands it on.
 */
const chain = z.strictObject({
  class_type: z.string().min(1),
  links: z
    .record(z.string().min(1), z.strictObject({ from: outputRef, slot: z.int().min(0).default(0) }))
    .refine((links) => Object.keys(links).length > 0, 'must hold a link'),
  inputs: z.record(z.string().min(1), chainInput),
});
export type Chain = z.output<typeof chain>;

const body = {
  /** Request field → the inputs that take its value. An empty list unmaps a field in a variant. */
  inputs: z.record(field, z.array(target)),
  size: size.optional(),
  /** Values of mapped fields where the request gives none. */
  defaults: z.record(field, scalar),
  /** Fields that the graph does in these ways only; other values pass the route over. */
  only: z.record(field, z.array(scalar).min(1)),
  /** Fields that are taken and have no effect; each job that gives one is warned. */
  ignored: z.array(field),
  /** Request field that is a list of objects → the chain of nodes it becomes. */
  chains: z.record(field, chain),
  /** Request field → its value as text → linked inputs that are left out of the graph then. */
  cut: z.record(field, z.record(z.string(), z.array(inputRef).min(1))),
  /** Inputs that get the path outputs are saved under, which also defeats the server's cache. */
  filename_prefix: z.array(inputRef).min(1),
  /** Nodes whose files are the job's outputs. */
  output: z.array(z.string().min(1)).min(1),
};

const when = z.strictObject({ references: z.array(z.enum(REFERENCE_ROLES)).min(1) });
/** A file beside the mapping, or the graph itself. */
const workflowRef = z.union([
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*\.json$/, 'must be a .json file beside the mapping'),
  graph,
]);

/** What an operator writes; docs/comfyui.md explains each key. */
export const mapping = z.strictObject({
  workflow: workflowRef,
  inputs: body.inputs,
  size: body.size,
  defaults: body.defaults.default({}),
  only: body.only.default({}),
  ignored: body.ignored.default([]),
  chains: body.chains.default({}),
  cut: body.cut.default({}),
  filename_prefix: body.filename_prefix,
  output: body.output,
  /** Other graphs for requests with references; the first that fits is taken. What one leaves out is as above. */
  variants: z
    .array(
      z.strictObject({
        when,
        workflow: workflowRef,
        inputs: body.inputs.optional(),
        size: sizeShape.partial().optional(),
        defaults: body.defaults.optional(),
        only: body.only.optional(),
        ignored: body.ignored.optional(),
        chains: body.chains.optional(),
        cut: body.cut.optional(),
        filename_prefix: body.filename_prefix.optional(),
        output: body.output.optional(),
      }),
    )
    .default([]),
});
export type Mapping = z.output<typeof mapping>;

/** One graph with everything needed to fill it: a mapping's base or a variant, with what it inherits. */
export const workflow = z.strictObject({
  name: z.string(),
  when: when.optional(),
  graph,
  ...body,
  // A job's snapshot of its route may be older than these two.
  chains: body.chains.default({}),
  cut: body.cut.default({}),
});
export type Workflow = z.output<typeof workflow>;

/** Splits `11.format.codec` into node `11` and input `format.codec`. */
export function splitRef(ref: string): { node: string; input: string } {
  const dot = ref.indexOf('.');
  return { node: ref.slice(0, dot), input: ref.slice(dot + 1) };
}
