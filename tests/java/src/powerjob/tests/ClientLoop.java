package powerjob.tests;

import java.util.Arrays;
import tech.powerjob.client.PowerJobClient;
import tech.powerjob.common.response.ResultDTO;

/**
 * The official client, unmodified: runs a job again and again, and says what came of each call: RUN
 * with the id of the instance, or REFUSED with the reason. Arguments: addresses (separated by commas),
 * application, its password, the job.
 */
public final class ClientLoop {
    private ClientLoop() {}

    public static void main(String[] arguments) throws Exception {
        PowerJobClient client =
            new PowerJobClient(Arrays.asList(arguments[0].split(",")), arguments[1], arguments[2]);
        long job = Long.parseLong(arguments[3]);
        System.out.println("READY");
        while (true) {
            try {
                ResultDTO<Long> run = client.runJob(job);
                System.out.println(run.isSuccess() ? "RUN " + run.getData() : "REFUSED " + run.getMessage());
            } catch (RuntimeException error) {
                System.out.println("REFUSED " + error);
            }
            Thread.sleep(200);
        }
    }
}
