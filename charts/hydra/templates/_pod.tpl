{{/* Parts of a pod that Deployments and jobs share. */}}

{{/* PodSecurity `restricted`, and no token of the API server: no role talks to Kubernetes. */}}
{{- define "hydra.podSecurity" -}}
automountServiceAccountToken: false
# Service links would set HYDRA_QUERY_PORT and the like, which hydra refuses as unknown keys.
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .Values.images.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "hydra.containerSecurity" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{- end -}}

{{/* Variables: [$, broker key or "", database key or "", config of the role]. */}}
{{- define "hydra.env" -}}
{{- $root := index . 0 -}}
- { name: HYDRA_HALL__NAME, value: {{ quote $root.Values.hall }} }
- { name: HYDRA_HEALTH__ADDRESS, value: "0.0.0.0:{{ $root.Values.healthPort }}" }
- { name: HYDRA_BLOBS__URL, value: {{ printf "file://%s" $root.Values.blobs.path | quote }} }
{{- if and $root.Values.secrets.authority (index . 1) }}
- { name: HYDRA_BROKER__CA_FILE, value: /etc/hydra/ca/ca.crt }
{{- end }}
{{- with index . 1 }}
- name: HYDRA_BROKER__URL
  valueFrom: { secretKeyRef: { name: {{ $root.Values.secrets.broker }}, key: {{ . }} } }
{{- end }}
{{- with index . 2 }}
- name: HYDRA_DATABASE__URL
  valueFrom: { secretKeyRef: { name: {{ $root.Values.secrets.database }}, key: {{ . }} } }
{{- end }}
{{- range $section, $keys := index . 3 }}
{{- range $key, $value := $keys }}
- { name: HYDRA_{{ upper $section }}__{{ upper $key }}, value: {{ ternary $value (toJson $value) (kindIs "string" $value) | quote }} }
{{- end }}
{{- end }}
{{- end -}}

{{/* Mounts that every container has; the root file system is read-only. */}}
{{- define "hydra.mounts" -}}
- { name: tmp, mountPath: /tmp }
{{- if .Values.secrets.authority }}
- { name: authority, mountPath: /etc/hydra/ca, readOnly: true }
{{- end }}
{{- end -}}

{{/* Volumes: [$, size of /tmp]. */}}
{{- define "hydra.volumes" -}}
{{- $root := index . 0 -}}
- { name: tmp, emptyDir: { sizeLimit: {{ index . 1 }} } }
{{- if $root.Values.secrets.authority }}
- name: authority
  configMap: { name: {{ $root.Values.secrets.authority }}, items: [{ key: ca.crt, path: ca.crt }] }
{{- end }}
{{- end -}}
