"""The API server as the operator's client sees it: custom resources and Events, kept in memory.

It has what the operator relies on: versions, generations, finalizers, a status that is written
apart, defaults and the schema of the definitions. It admits everything; tests/cluster has a real
one.
"""

import copy
import uuid

import jsonschema
from kubernetes.client.rest import ApiException

from poseline.config.schema.json_schema import transform
from poseline.operator.api.crd import crds
from poseline.operator.timestamps import format_time

NAMESPACE = "team"
_DEFINITIONS = {
    made["spec"]["names"]["plural"]: made["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for made in crds()
}


def checker(plural, part=None):
    """The definition's schema, or of its status alone; what the API server would drop is wrong."""

    def closed(node):
        made = node | {"type": [node["type"], "null"]} if node.get("nullable") else node
        return made | {"additionalProperties": False} if "properties" in node else made

    schema = _DEFINITIONS[plural]
    made = transform(schema["properties"][part] if part else schema, closed)
    return jsonschema.Draft4Validator(made)


_STATUS = {plural: checker(plural, "status") for plural in _DEFINITIONS}


class ApiServer:
    """Stands in for `kubernetes.client.CustomObjectsApi` and `EventsV1Api`.

    Args:
        now: The time.
    """

    def __init__(self, now):
        self.objects, self.events = {}, []
        self._now, self._version, self._before = now, 0, []

    # What people do

    def before(self, call, happen, name=""):
        """Let something happen once, right before the next call that ends so."""
        self._before.append((call, name, happen))

    def apply(self, body):
        return self._create(body["kind"].lower() + "s", NAMESPACE, body)

    def get(self, plural, name):
        return copy.deepcopy(self.objects.get((plural, NAMESPACE, name)))

    def edit(self, plural, name, **spec):
        body = self.get(plural, name)
        body["spec"] |= spec
        self._replace(plural, NAMESPACE, name, body)

    def put_status(self, plural, name, **status):
        body = self.get(plural, name)
        self._replace(plural, NAMESPACE, name, {**body, "status": status}, status=True)

    def delete(self, plural, name):
        self._delete(plural, NAMESPACE, name)

    def names(self, plural):
        return sorted(name for kind, _, name in self.objects if kind == plural)

    def conditions(self, plural, name):
        return {each["type"]: each for each in self.get(plural, name)["status"]["conditions"]}

    def events_of(self, name):
        """Type and reason of the Events of an object, in order."""
        return [(e.type, e.reason) for e in self.events if e.regarding.name == name]

    # What the client calls

    def get_namespaced_custom_object(self, _group, _version, namespace, plural, name, **_):
        self._happen("get", name)
        return copy.deepcopy(self._found(plural, namespace, name))

    def list_namespaced_custom_object(
        self, _group, _version, namespace, plural, label_selector, **_
    ):
        self._happen("list")
        key, _, value = label_selector.partition("=")
        return {
            "items": [
                copy.deepcopy(body)
                for (kind, place, _), body in self.objects.items()
                if (kind, place) == (plural, namespace)
                and (not key or body["metadata"].get("labels", {}).get(key) == value)
            ]
        }

    def create_namespaced_custom_object(self, _group, _version, namespace, plural, body, **_):
        self._happen("create", body["metadata"]["name"])
        return self._create(plural, namespace, body)

    def replace_namespaced_custom_object(
        self, _group, _version, namespace, plural, name, body, **_
    ):
        self._happen("replace", name)
        return self._replace(plural, namespace, name, body)

    def replace_namespaced_custom_object_status(
        self, _group, _version, namespace, plural, name, body, **_
    ):
        self._happen("replace_status", name)
        _STATUS[plural].validate(body["status"])
        return self._replace(plural, namespace, name, body, status=True)

    def delete_namespaced_custom_object(self, _group, _version, namespace, plural, name, body, **_):
        self._happen("delete", name)
        if self._found(plural, namespace, name)["metadata"]["uid"] != body.preconditions.uid:
            raise ApiException(409)
        self._delete(plural, namespace, name)

    def create_namespaced_event(self, _namespace, event, **_):
        self._happen("event")
        self.events.append(event)

    # What it does

    def _happen(self, call, name=""):
        for each in self._before:
            if each[0] == call and each[1] in ("", name):
                self._before.remove(each)
                return each[2]()
        return None

    def _found(self, plural, namespace, name):
        try:
            return self.objects[plural, namespace, name]
        except KeyError:
            raise ApiException(404, reason=f"{name} not found") from None

    def _create(self, plural, namespace, body):
        key = (plural, namespace, body["metadata"]["name"])
        if key in self.objects:
            raise ApiException(409)
        made = _defaulted(_DEFINITIONS[plural], copy.deepcopy(body))
        made.pop("status", None)
        made["metadata"] |= {
            "namespace": namespace,
            "uid": str(uuid.uuid4()),
            "generation": 1,
            "creationTimestamp": format_time(self._now()),
        }
        return self._store(key, made)

    def _replace(self, plural, namespace, name, body, *, status=False):
        old = self._found(plural, namespace, name)
        if body["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"]:
            raise ApiException(409)
        own, other = ("status", old) if status else ("spec", body)
        made = copy.deepcopy({**other, own: body[own]})
        if not status:
            made["status"] = old.get("status", {})
            made["metadata"]["generation"] += made["spec"] != old["spec"]
        return self._store((plural, namespace, name), made)

    def _delete(self, plural, namespace, name):
        made = copy.deepcopy(self._found(plural, namespace, name))
        made["metadata"].setdefault("deletionTimestamp", format_time(self._now()))
        self._store((plural, namespace, name), made)

    def _store(self, key, body):
        self._version += 1
        body["metadata"]["resourceVersion"] = str(self._version)
        self.objects[key] = body
        if "deletionTimestamp" in body["metadata"] and not body["metadata"].get("finalizers"):
            del self.objects[key]
        return copy.deepcopy(body)


def _defaulted(schema, value):
    for name, field in schema.get("properties", {}).items():
        if name not in value and "default" in field:
            value[name] = copy.deepcopy(field["default"])
        if isinstance(value.get(name), dict):
            _defaulted(field, value[name])
    return value
