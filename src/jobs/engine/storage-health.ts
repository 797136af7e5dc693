import { Inject, Injectable } from '@nestjs/common';
import { messageOf } from '../../common/errors.js';
import { KilnConfig } from '../../config/config.js';
import { freeBytes } from '../../storage/free-disk.js';
import { OBJECT_STORE, type ObjectStore } from '../../storage/object-store.js';
import { OpsEvents } from '../../telemetry/ops-events.js';

/**
 * Whether a result could be kept now. While the object store fails its canary, or the disk is nearly full, nothing is
 * submitted: nothing is bought that can't be kept.
 */
@Injectable()
export class StorageHealth {
  private problem: string | null = null;
  private looks = 0;
  private newest = 0;

  constructor(
    @Inject(OBJECT_STORE) private readonly store: ObjectStore,
    private readonly config: KilnConfig,
    private readonly ops: OpsEvents,
  ) {}

  healthy(): boolean {
    return this.problem === null;
  }

  /** Looks again; ops hear of each change. */
  async check(): Promise<boolean> {
    const mine = (this.looks += 1);
    const problem = await this.look();
    // A look that began before the one that was believed last is old news.
    if (mine < this.newest) return this.healthy();
    this.newest = mine;
    const changed = (problem === null) !== this.healthy();
    this.problem = problem;
    if (changed) {
      await this.ops.tell(
        problem === null
          ? {
              severity: 'info',
              type: 'storage.recovered',
              message: 'The object store works again; submission goes on.',
              data: {},
            }
          : { severity: 'critical', type: 'storage.failing', message: `Submission is paused: ${problem}`, data: {} },
      );
    }
    return problem === null;
  }

  private async look(): Promise<string | null> {
    try {
      await this.store.canary();
    } catch (error) {
      return `the object store fails its canary (${messageOf(error).slice(0, 200)})`;
    }
    const free = await freeBytes(this.config.dataDir);
    return free < this.config.limits.minFreeBytes ? `only ${free} bytes are free in ${this.config.dataDir}` : null;
  }
}
