"""Prints everything in the account that this project could touch, as one JSON document.

Two listings are equal exactly if nothing was added, removed or changed in between. Times are omitted, and
so are values that an emulator generates on every call.
"""

REGIONS = os.environ["LISTING_REGIONS"].split(",")


def pages(api, operation, key, **arguments):
    found = []
    for page in api.get_paginator(operation).paginate(**arguments):
        found.extend(page.get(key, []))
    return found


def tags(pairs):
    return {pair["Key"]: pair["Value"] for pair in pairs}


def roles():
    iam = client("iam")
    found = {}
    for name in sorted(role["RoleName"] for role in pages(iam, "list_roles", "Roles")):
        role = iam.get_role(RoleName=name)["Role"]
        found[role["Arn"]] = {
            "description": role.get("Description"),
            "trust": role["AssumeRolePolicyDocument"],
            "boundary": role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn"),
            "tags": tags(role.get("Tags", [])),
            "inline": {
                policy: iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
                for policy in pages(iam, "list_role_policies", "PolicyNames", RoleName=name)
            },
            "attached": sorted(
                policy["PolicyArn"]
                for policy in pages(
                    iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name
                )
            ),
        }
    return found


def policies():
    found = pages(client("iam"), "list_policies", "Policies", Scope="Local")
    return {policy["Arn"]: policy["DefaultVersionId"] for policy in found}


def runtime_tags(control, arn):
    try:
        return control.list_tags_for_resource(resourceArn=arn)["tags"]
    except Exception as error:  # An emulator without tags on runtimes says so in its own way.
        return type(error).__name__


def runtimes(region):
    control = client("bedrock-agentcore-control", region)
    found = {}
    for summary in control.list_agent_runtimes()["agentRuntimes"]:
        key = summary["agentRuntimeId"]
        runtime = control.get_agent_runtime(agentRuntimeId=key)
        endpoints = control.list_agent_runtime_endpoints(agentRuntimeId=key)["runtimeEndpoints"]
        found[key] = {
            "name": runtime["agentRuntimeName"],
            "version": runtime["agentRuntimeVersion"],
            "role": runtime["roleArn"],
            "artifact": runtime["agentRuntimeArtifact"],
            "environment": runtime.get("environmentVariables"),
            "tags": runtime_tags(control, runtime["agentRuntimeArn"]),
            "endpoints": {
                endpoint["name"]: endpoint.get("liveVersion") for endpoint in endpoints
            },
        }
    return found


def repositories(region):
    ecr = client("ecr", region)
    found = {}
    for repository in pages(ecr, "describe_repositories", "repositories"):
        name = repository["repositoryName"]
        images = pages(ecr, "list_images", "imageIds", repositoryName=name)
        found[name] = {
            "tags": tags(ecr.list_tags_for_resource(resourceArn=repository["repositoryArn"])["tags"]),
            "images": sorted(f"{i.get('imageTag', '')}@{i.get('imageDigest', '')}" for i in images),
        }
    return found


def buckets():
    s3 = client("s3")
    found = {}
    for name in sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"]):
        versions = []
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=name):
            for kind in ("Versions", "DeleteMarkers"):
                for entry in page.get(kind, []):
                    versions.append([entry["Key"], entry["VersionId"], kind, entry.get("ETag")])
        uploads = s3.list_multipart_uploads(Bucket=name).get("Uploads", [])
        found[name] = {
            "objects": sorted(versions, key=str),
            "uploads": sorted(upload["Key"] for upload in uploads),
        }
    return found


def log_groups(region):
    logs = client("logs", region)
    found = {}
    for group in pages(logs, "describe_log_groups", "logGroups"):
        name = group["logGroupName"]
        streams = pages(logs, "describe_log_streams", "logStreams", logGroupName=name)
        found[name] = {
            "retention": group.get("retentionInDays"),
            "tags": logs.list_tags_log_group(logGroupName=name)["tags"],
            "streams": sorted(stream["logStreamName"] for stream in streams),
        }
    return found


print(
    json.dumps(
        {
            "roles": roles(),
            "policies": policies(),
            "buckets": buckets(),
            "regions": {
                region: {
                    "runtimes": runtimes(region),
                    "repositories": repositories(region),
                    "log-groups": log_groups(region),
                }
                for region in REGIONS
            },
        },
        sort_keys=True,
        default=str,
    )
)
