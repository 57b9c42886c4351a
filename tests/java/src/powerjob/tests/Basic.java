package powerjob.tests;

import tech.powerjob.worker.core.processor.ProcessResult;
import tech.powerjob.worker.core.processor.TaskContext;
import tech.powerjob.worker.core.processor.sdk.BasicProcessor;
import tech.powerjob.worker.log.OmsLogger;

/** Does what the parameters say: those of the instance, else those of the job. */
public class Basic implements BasicProcessor {
    @Override
    public ProcessResult process(TaskContext context) throws Exception {
        String text = context.getInstanceParams();
        if (text == null || text.isEmpty()) {
            text = context.getJobParams() == null ? "" : context.getJobParams();
        }
        String[] words = text.split(" ", 2);
        String rest = words.length > 1 ? words[1] : "";
        OmsLogger log = context.getOmsLogger();
        switch (words[0]) {
            case "fail":
                return new ProcessResult(false, rest);
            case "throw":
                throw new IllegalStateException(rest);
            case "sleep":
                Thread.sleep(Long.parseLong(rest));
                return new ProcessResult(true, "slept");
            case "log":
                for (int line = 0; line < Integer.parseInt(rest); line++) {
                    log.info("line {}", line);
                }
                return new ProcessResult(true, "logged");
            case "levels":
                log.debug("a debug line");
                log.info("an info line");
                log.warn("a warn line");
                log.error("an error line", new IllegalStateException("with a stack"));
                return new ProcessResult(true, "logged");
            case "retries":
                int retries = context.getCurrentRetryTimes();
                boolean isEnough = retries >= Integer.parseInt(rest);
                return new ProcessResult(isEnough, "retry " + retries);
            case "long":
                return new ProcessResult(true, new String(new char[Integer.parseInt(rest)]).replace('\0', 'x'));
            case "context":
                return new ProcessResult(true, "job=" + context.getJobId()
                        + " instance=" + context.getInstanceId()
                        + " jobParams=" + context.getJobParams()
                        + " instanceParams=" + context.getInstanceParams()
                        + " user=" + context.getUserContext());
            default:
                return new ProcessResult(true, text);
        }
    }
}
