import { defineJob } from 'errand'
import { z } from 'zod'

export default defineJob({ args: z.object({}), receipt: 'posted', run: () => 'posted' })
