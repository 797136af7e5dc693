import { PROGRESS_EVENT } from './progress-event.js';

/** Events that every run ends with exactly one of; what is told where nothing was chosen. */
export const TERMINAL_EVENTS = ['job.succeeded', 'job.failed', 'job.canceled'] as const;

/** What a receiver can be told of. */
export const EVENT_TYPES = ['job.running', PROGRESS_EVENT, ...TERMINAL_EVENTS] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Stands for every event, also those to come, but progress, which is only sent where it is named. */
export const EVERY_EVENT = '*';

/** Sent on request only, to show that a receiver works; belongs to no job. */
export const TEST_EVENT = 'webhook.test';
