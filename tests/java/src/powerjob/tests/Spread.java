package powerjob.tests;

import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import tech.powerjob.worker.core.processor.ProcessResult;
import tech.powerjob.worker.core.processor.TaskContext;
import tech.powerjob.worker.core.processor.TaskResult;
import tech.powerjob.worker.core.processor.sdk.MapReduceProcessor;

/**
 * Spreads as many sub-tasks as the parameters say ("COUNT PAUSE_MS FAIL_EVERY"; the last two may be
 * left out); the reduce tells how many succeeded and who worked.
 */
public class Spread implements MapReduceProcessor {
    @Override
    public ProcessResult process(TaskContext context) throws Exception {
        String[] words = context.getJobParams().split(" ");
        if (isRootTask()) {
            List<Integer> numbers = new ArrayList<>();
            for (int number = 1; number <= Integer.parseInt(words[0]); number++) {
                numbers.add(number);
            }
            map(numbers, "NUMBERS");
            return new ProcessResult(true, "mapped");
        }
        if (words.length > 1) {
            Thread.sleep(Long.parseLong(words[1]));
        }
        int number = (Integer) context.getSubTask();
        boolean fails = words.length > 2 && number % Integer.parseInt(words[2]) == 0;
        return new ProcessResult(!fails, String.valueOf(context.getUserContext()));
    }

    @Override
    public ProcessResult reduce(TaskContext context, List<TaskResult> results) {
        TreeSet<String> workers = new TreeSet<>();
        int succeeded = 0;
        for (TaskResult result : results) {
            if (result.isSuccess() && String.valueOf(result.getResult()).startsWith("context")) {
                succeeded++;
                workers.add(result.getResult());
            }
        }
        return new ProcessResult(true, "succeeded=" + succeeded + " workers=" + workers);
    }
}
