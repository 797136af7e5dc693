interface ErrorAbout {
  /** HTTP statuses it comes with. */
  status: number;
  /** What happened, for docs. */
  about: string;
}

/** Every `error.type`, with its status. Types are public: one is never reused for something else. */
export const ERROR_TYPES = {
  invalid_request_error: { status: 400, about: 'A field, parameter or header is not valid; `param` names it.' },
  content_policy: { status: 400, about: "The provider's content policy refused the request." },
  authentication_error: { status: 401, about: 'No API key, or one that is not valid, has expired or is disabled.' },
  permission_denied: { status: 403, about: 'It needs a key with another role; the message names it.' },
  ip_not_allowed: { status: 403, about: 'The key may not be used from this address.' },
  key_model_access_denied: { status: 403, about: 'The key may not call this model.' },
  invalid_link: { status: 403, about: 'A signed link is tampered with or has expired.' },
  not_found: { status: 404, about: "There is no such thing, or it is another key's." },
  method_not_allowed: { status: 405, about: 'The path does not take this method.' },
  timeout: { status: 408, about: 'The request took too long to arrive.' },
  conflict: { status: 409, about: 'The state does not allow it.' },
  job_finished: { status: 409, about: 'The job ended before it could be canceled.' },
  job_not_finished: { status: 409, about: 'The job has not ended yet.' },
  job_not_replayable: { status: 409, about: 'Only failed and canceled jobs can be replayed.' },
  job_not_quarantined: { status: 409, about: 'Only quarantined jobs can be released (ops).' },
  job_deleted: { status: 409, about: 'The job that this `Idempotency-Key` made was deleted.' },
  attempt_open: { status: 409, about: 'An attempt of the job may still be working at the provider.' },
  attempt_closed: { status: 409, about: 'Only open attempts can be resolved (ops).' },
  attempt_on_the_wire: { status: 409, about: 'The attempt is being sent in this moment (ops).' },
  asset_deleted: { status: 409, about: 'Referenced media was deleted while the job was being created.' },
  upload_incomplete: { status: 409, about: 'Nothing was PUT to the presigned link yet.' },
  upload_in_use: { status: 409, about: 'A job that has not finished reads the upload.' },
  output_in_use: { status: 409, about: 'A job that has not finished reads an output of this one.' },
  idempotency_in_progress: { status: 409, about: 'The first request with this `Idempotency-Key` is still running.' },
  output_expired: { status: 410, about: "The output's retention ended." },
  expired: { status: 410, about: 'The file behind a link was deleted.' },
  already_uploaded: { status: 412, about: 'A presigned link takes its bytes once.' },
  payload_too_large: { status: 413, about: 'The body or file is larger than allowed.' },
  unsupported_media_type: { status: 415, about: 'The content type is not accepted here.' },
  unusable_media: { status: 422, about: 'Uploaded or referenced media can not be used.' },
  input_expired: { status: 422, about: "The job's input was removed when its retention ended." },
  idempotency_key_reused: { status: 422, about: 'The `Idempotency-Key` was used for another request.' },
  rate_limit_exceeded: {
    status: 429,
    about:
      'The key has made as many requests this minute or has as many jobs waiting as it may, or every route of the model is at its limit.',
  },
  budget_exceeded: {
    status: 429,
    about: "The key's daily budget has no room for the request; it resets at midnight UTC.",
  },
  client_closed_request: {
    status: 499,
    about: 'The client went away before its answer began; it stands in logs only.',
  },
  upstream_error: { status: 500, about: 'Every route of the model failed; nothing was charged.' },
  internal_error: { status: 500, about: 'Something went wrong here.' },
  unavailable: { status: 503, about: 'A server behind this one is away; try again.' },
  route_unavailable: { status: 503, about: 'No route of the model takes work now; try again later.' },
  still_running: { status: 504, about: 'The job takes longer than a request may; it goes on under its id.' },
} as const satisfies Record<string, ErrorAbout>;

export type ErrorType = keyof typeof ERROR_TYPES;

/** `error.code` is one of these where OpenAI's API has a word for it, else the status as a string. */
export const ERROR_CODES = {
  unknown_parameter: { type: 'invalid_request_error', about: 'The body or query has a field that does not exist.' },
  invalid_api_key: { type: 'authentication_error', about: 'As the type says.' },
  moderation_blocked: { type: 'invalid_request_error', about: "The provider's content policy refused the request." },
  video_not_ready: { type: 'invalid_request_error', about: 'A video has no content before its status is `completed`.' },
  model_not_found: { type: 'not_found', about: 'There is no such model.' },
  context_length_exceeded: { type: 'invalid_request_error', about: 'The prompt is longer than the model can read.' },
  content_filter: { type: 'content_policy', about: 'As the type says.' },
} as const satisfies Record<string, { type: ErrorType; about: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
