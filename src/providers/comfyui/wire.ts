import { z } from 'zod';

export const taskId = z.object({
  prompt_id: z.string().min(1),
  /** Nodes whose files are the outputs; absent where the task was found by its token: then every node's are. */
  output: z.array(z.string()).optional(),
});
export type TaskId = z.output<typeof taskId>;

const nodeErrors = z.record(
  z.string(),
  z.object({
    class_type: z.string().optional(),
    dependent_outputs: z.array(z.string()).optional(),
    errors: z
      .array(
        z.object({
          type: z.string().optional(),
          message: z.string().optional(),
          details: z.string().optional(),
          extra_info: z.object({ input_name: z.string().nullish() }).nullish(),
        }),
      )
      .optional(),
  }),
);
export type NodeErrors = z.output<typeof nodeErrors>;
/** An empty map is an empty list in some versions. */
const maybeNodeErrors = z.union([nodeErrors, z.array(z.unknown()).transform((): NodeErrors => ({}))]).nullish();

/** 200 of POST /prompt; `node_errors` may be non-empty all the same. */
export const accepted = z.object({ prompt_id: z.string(), node_errors: maybeNodeErrors });

/** 400 of POST /prompt. Older servers write `error` as a text. */
export const refused = z.object({
  error: z.union([
    z.object({
      type: z.string().optional(),
      message: z.string().optional(),
      details: z.string().nullish(),
      extra_info: z
        .object({ class_type: z.string().optional(), node_id: z.union([z.string(), z.number()]).optional() })
        .nullish(),
    }),
    z.string().transform((message) => ({ message, type: undefined, details: undefined, extra_info: undefined })),
  ]),
  node_errors: maybeNodeErrors,
});

export const uploaded = z.object({ name: z.string().min(1), subfolder: z.string().nullish() });

/** node id → output key → list of anything; files are the dicts with `filename` and `type`. */
const outputs = z.record(z.string(), z.record(z.string(), z.unknown()));
export type Outputs = z.output<typeof outputs>;

const executionError = z.object({
  exception_message: z.string().nullish(),
  exception_type: z.string().nullish(),
  node_id: z.union([z.string(), z.number()]).nullish(),
  node_type: z.string().nullish(),
});
export type ExecutionError = z.output<typeof executionError>;

/** GET /api/jobs/{id}, newer servers only. */
export const job = z.object({
  status: z.string(),
  execution_error: executionError.nullish(),
  outputs: outputs.nullish(),
});

/** Its 404 has a JSON body; an unknown route's has not. */
export const jobNotFound = z.object({ error: z.string() });

/** Items are `[number, prompt_id, …]`. */
const queueItem = z.tuple([z.number(), z.string()]).rest(z.unknown());
export const queue = z.object({ queue_running: z.array(queueItem), queue_pending: z.array(queueItem) });

export const history = z.record(
  z.string(),
  z.object({
    outputs: outputs.nullish(),
    status: z
      .object({
        status_str: z.string().optional(),
        messages: z.array(z.tuple([z.string(), z.unknown()]).rest(z.unknown())).nullish(),
      })
      .nullish(),
  }),
);
export const executionMessage = executionError;

export const cancelled = z.object({ cancelled: z.boolean() });

export const execInfo = z.object({ exec_info: z.object({ queue_remaining: z.number() }) });

/** A file as a node lists it; also what is kept of an artifact. */
export const file = z.object({ filename: z.string().min(1), subfolder: z.string().default(''), type: z.string() });

/** Text frames of the socket. */
export const frame = z.object({ type: z.string(), data: z.record(z.string(), z.unknown()) });
export const progressFrame = z.object({ prompt_id: z.string(), value: z.number(), max: z.number() });
export const progressStateFrame = z.object({
  prompt_id: z.string(),
  nodes: z.record(z.string(), z.object({ value: z.number(), max: z.number(), state: z.string().optional() })),
});
