package powerjob.tests;

import java.util.List;
import java.util.TreeSet;
import tech.powerjob.worker.core.processor.ProcessResult;
import tech.powerjob.worker.core.processor.TaskContext;
import tech.powerjob.worker.core.processor.TaskResult;
import tech.powerjob.worker.core.processor.sdk.BroadcastProcessor;

/** Each worker says who it is; the end lists them. */
public class Broadcast implements BroadcastProcessor {
    @Override
    public ProcessResult preProcess(TaskContext context) {
        context.getOmsLogger().info("before all");
        return new ProcessResult(true, "before");
    }

    @Override
    public ProcessResult process(TaskContext context) {
        boolean isWanted = !("fail at " + context.getUserContext()).equals(context.getJobParams());
        return new ProcessResult(isWanted, String.valueOf(context.getUserContext()));
    }

    @Override
    public ProcessResult postProcess(TaskContext context, List<TaskResult> results) {
        TreeSet<String> said = new TreeSet<>();
        boolean isGood = true;
        for (TaskResult result : results) {
            said.add(result.getResult());
            isGood &= result.isSuccess();
        }
        return new ProcessResult(isGood, said.toString());
    }
}
