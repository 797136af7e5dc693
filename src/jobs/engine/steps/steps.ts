import { Injectable } from '@nestjs/common';
import { PollStep } from './poll.step.js';
import { PrepareStep } from './prepare.step.js';
import { ProcessStep } from './process.step.js';
import { StoreStep } from './store.step.js';
import { SubmitStep } from './submit.step.js';
import { TendStep } from './tend.step.js';

/** One step a stage, and the tending of attempts that outlive theirs. */
@Injectable()
export class Steps {
  constructor(
    readonly prepare: PrepareStep,
    readonly submit: SubmitStep,
    readonly poll: PollStep,
    readonly store: StoreStep,
    readonly process: ProcessStep,
    readonly tend: TendStep,
  ) {}
}
