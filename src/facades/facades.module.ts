import { Module } from '@nestjs/common';
import { AssetsModule } from '../assets/assets.module.js';
import { JobsModule } from '../jobs/jobs.module.js';
import { Images } from './images/images.js';
import { ImagesController } from './images/images.controller.js';
import { FacadeJobs } from './shared/facade-jobs.js';
import { DEFAULT_TIMES, FACADE_TIMES } from './shared/facade-times.js';
import { FormReader } from './shared/form-reader.js';
import { Videos } from './videos/videos.js';
import { VideosController } from './videos/videos.controller.js';

/** OpenAI's media endpoints. Every request becomes a job; nothing here makes, charges or stores anything itself. */
@Module({
  imports: [AssetsModule, JobsModule],
  controllers: [ImagesController, VideosController],
  providers: [
    FormReader,
    FacadeJobs,
    Images,
    Videos,
    { provide: FACADE_TIMES, useFactory: () => ({ ...DEFAULT_TIMES }) },
  ],
})
export class FacadesModule {}
