package powerjob.tests;

import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.net.HttpURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import tech.powerjob.client.PowerJobClient;
import tech.powerjob.common.enums.ExecuteType;
import tech.powerjob.common.enums.ProcessorType;
import tech.powerjob.common.enums.TimeExpressionType;
import tech.powerjob.common.enums.WorkflowNodeType;
import tech.powerjob.common.model.PEWorkflowDAG;
import tech.powerjob.common.request.http.SaveJobInfoRequest;
import tech.powerjob.common.request.http.SaveWorkflowNodeRequest;
import tech.powerjob.common.request.http.SaveWorkflowRequest;
import tech.powerjob.common.request.query.JobInfoQuery;
import tech.powerjob.common.response.ResultDTO;

/**
 * The official client, unmodified: makes all its calls once and says what came of each, one line for
 * each call. Arguments: addresses (separated by commas), application, its id, the password it shall
 * have, the token of an administrator, and the address of a server that lives.
 */
public final class ClientMain {
    private ClientMain() {}

    public static void main(String[] arguments) throws Exception {
        setPassword(arguments[5], arguments[4], arguments[2], arguments[1], arguments[3]);
        List<String> addresses = Arrays.asList(arguments[0].split(","));
        PowerJobClient client = new PowerJobClient(addresses, arguments[1], arguments[3]);
        say("construct", true, "");
        try {
            new PowerJobClient(addresses, arguments[1], "wrong");
            say("wrong password", true, "");
        } catch (RuntimeException refused) {
            say("wrong password", false, refused.getMessage());
        }
        long job = jobs(client);
        instances(client, job);
        workflows(client, job);
        tell("deleteJob", client.deleteJob(job));
        System.out.println("END");
        System.exit(0);
    }

    private static long jobs(PowerJobClient client) throws Exception {
        SaveJobInfoRequest request = new SaveJobInfoRequest();
        request.setJobName("by the client");
        request.setJobParams("parameters");
        request.setTimeExpressionType(TimeExpressionType.API);
        request.setExecuteType(ExecuteType.STANDALONE);
        request.setProcessorType(ProcessorType.BUILT_IN);
        request.setProcessorInfo("powerjob.tests.Basic");
        request.setNotifyUserIds(Collections.singletonList(1L));
        ResultDTO<Long> saved = client.saveJob(request);
        tell("saveJob", saved);
        long job = saved.getData();
        request.setJobName("");
        tell("saveJob without a name", client.saveJob(request));
        ResultDTO<Long> copy = client.copyJob(job);
        tell("copyJob", copy);
        tell("deleteJob", client.deleteJob(copy.getData()));
        tellByName(client, "exportJob", job);
        say("fetchJob", true, client.fetchJob(job).getData().getJobName());
        say("fetchAllJob", true, "" + client.fetchAllJob().getData().size());
        JobInfoQuery query = new JobInfoQuery();
        query.setJobNameLike("client");
        query.setStatusIn(Arrays.asList(1, 2));
        query.setGmtCreateGt(new java.util.Date(0));
        say("queryJob", true, "" + client.queryJob(query).getData().size());
        tell("disableJob", client.disableJob(job));
        tell("enableJob", client.enableJob(job));
        tell("fetchJob of nobody", client.fetchJob(99_999L));
        return job;
    }

    private static void instances(PowerJobClient client, long job) throws Exception {
        ResultDTO<Long> run = client.runJob(job);
        tell("runJob", run);
        ResultDTO<Long> later = client.runJob(job, "later", 60_000L);
        tell("runJob later", later);
        say("fetchInstanceStatus", true, "" + client.fetchInstanceStatus(later.getData()).getData());
        say("fetchInstanceInfo", true,
            client.fetchInstanceInfo(later.getData()).getData().getInstanceParams());
        tell("cancelInstance", client.cancelInstance(later.getData()));
        tell("cancelInstance again", client.cancelInstance(later.getData()));
        tell("stopInstance", client.stopInstance(run.getData()));
        tell("stopInstance again", client.stopInstance(run.getData()));
        tell("retryInstance", client.retryInstance(run.getData()));
        tell("stopInstance of nobody", client.stopInstance(99_999L));
        try {
            Class<?> page = Class.forName("tech.powerjob.common.request.query.InstancePageQuery");
            Object query = page.getDeclaredConstructor().newInstance();
            Object result = PowerJobClient.class.getMethod("queryInstanceInfo", page).invoke(client, query);
            Object found = ((ResultDTO<?>) result).getData();
            say("queryInstanceInfo", true, "" + found.getClass().getMethod("getTotalItems").invoke(found));
        } catch (ClassNotFoundException | NoSuchMethodException absent) {
            System.out.println("ABSENT queryInstanceInfo");
        }
    }

    private static void workflows(PowerJobClient client, long job) {
        SaveWorkflowNodeRequest node = new SaveWorkflowNodeRequest();
        node.setType(WorkflowNodeType.JOB.getCode());
        node.setJobId(job);
        node.setNodeName("first");
        long id = client.saveWorkflowNode(Collections.singletonList(node)).getData().get(0).getId();
        say("saveWorkflowNode", true, "");
        SaveWorkflowRequest request = new SaveWorkflowRequest();
        request.setWfName("by the client");
        request.setTimeExpressionType(TimeExpressionType.API);
        PEWorkflowDAG dag = new PEWorkflowDAG();
        dag.setNodes(Collections.singletonList(new PEWorkflowDAG.Node(id)));
        dag.setEdges(Collections.emptyList());
        request.setDag(dag);
        ResultDTO<Long> saved = client.saveWorkflow(request);
        tell("saveWorkflow", saved);
        long workflow = saved.getData();
        say("fetchWorkflow", true,
            client.fetchWorkflow(workflow).getData().getPEWorkflowDAG().getNodes().get(0).getNodeName());
        ResultDTO<Long> copy = client.copyWorkflow(workflow);
        tell("copyWorkflow", copy);
        tell("deleteWorkflow", client.deleteWorkflow(copy.getData()));
        tell("disableWorkflow", client.disableWorkflow(workflow));
        tell("enableWorkflow", client.enableWorkflow(workflow));
        tell("runWorkflow", client.runWorkflow(workflow));
        tell("fetchWorkflowInstanceInfo", client.fetchWorkflowInstanceInfo(1L));
        tell("stopWorkflowInstance", client.stopWorkflowInstance(1L));
        tell("retryWorkflowInstance", client.retryWorkflowInstance(1L));
        tell("markWorkflowNodeAsSuccess", client.markWorkflowNodeAsSuccess(1L, 1L));
    }

    /** A method that older clients do not have. */
    private static void tellByName(PowerJobClient client, String name, long id) throws Exception {
        try {
            tell(name, (ResultDTO<?>) PowerJobClient.class.getMethod(name, Long.class).invoke(client, id));
        } catch (NoSuchMethodException absent) {
            System.out.println("ABSENT " + name);
        } catch (InvocationTargetException error) {
            say(name, false, "" + error.getCause());
        }
    }

    private static void tell(String call, ResultDTO<?> result) {
        say(call, result.isSuccess(), result.isSuccess() ? "" : result.getMessage());
    }

    private static void say(String call, boolean isRight, String more) {
        System.out.println((isRight ? "RIGHT " : "REFUSED ") + call + ": " + more);
    }

    private static void setPassword(String server, String token, String app, String name, String password)
            throws Exception {
        URL url = new URL("http://" + server + "/appInfo/save");
        HttpURLConnection connection = (HttpURLConnection) url.openConnection();
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        connection.setRequestProperty("PowerJwt", token);
        connection.setRequestProperty("Content-Type", "application/json");
        String body = "{\"id\":" + app + ",\"appName\":\"" + name + "\",\"namespaceCode\":\"default_namespace\","
            + "\"password\":\"" + password + "\"}";
        try (OutputStream out = connection.getOutputStream()) {
            out.write(body.getBytes(StandardCharsets.UTF_8));
        }
        if (connection.getResponseCode() != 200) {
            throw new IllegalStateException("the password was not set");
        }
    }
}
