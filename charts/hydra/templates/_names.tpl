{{/* Names and labels. */}}

{{- define "hydra.fullname" -}}
{{- if contains "hydra" .Release.Name -}}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else -}}{{ printf "%s-hydra" .Release.Name | trunc 40 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{/* What never changes in the life of a release, so that it can select. */}}
{{- define "hydra.selector" -}}
app.kubernetes.io/name: hydra
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "hydra.labels" -}}
{{ include "hydra.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
hydra/hall: {{ .Values.hall }}
{{- end -}}

{{/* Image reference of the target named `name`: [$, name]. */}}
{{- define "hydra.image" -}}
{{- $root := index . 0 -}}
{{- $image := index $root.Values.images (index . 1) -}}
{{- if $image.digest -}}{{ printf "%s@%s" $image.repository $image.digest }}
{{- else -}}{{ printf "%s:%s" $image.repository (default $root.Chart.AppVersion $image.tag) }}{{- end -}}
{{- end -}}

{{/* Every enabled role, its defaults filled in, as YAML: { name: role }. Refuses what cannot work. */}}
{{- define "hydra.roles" -}}
{{- $roles := dict -}}
{{- $most := 0 -}}
{{- range $name, $entry := .Values.roles -}}
{{- $role := mergeOverwrite (deepCopy $.Values.roleDefaults) $entry -}}
{{- if $role.enabled -}}
{{- if gt (int $role.replicas.min) (int $role.replicas.max) -}}
{{- fail (printf "roles.%s.replicas: min %d is above max %d" $name (int $role.replicas.min) (int $role.replicas.max)) -}}
{{- end -}}
{{- if and (gt (int $role.gpu.count) 0) (ne $role.image "gpu") -}}
{{- fail (printf "roles.%s: gpu.count is %d, but image %q cannot use a GPU; set image: gpu" $name (int $role.gpu.count) $role.image) -}}
{{- end -}}
{{- if and $role.http.paths (eq (int $role.http.port) 0) -}}
{{- fail (printf "roles.%s.http: paths without a port" $name) -}}
{{- end -}}
{{- if has "ingest" (default (list $name) $role.runs) -}}
{{- $watches := or $role.folders (dig "ingest" "folders" "" $role.config) (dig "ingest" "folders" "" (fromToml $.Values.config)) -}}
{{- if and $watches (eq $role.rollout "surge") -}}
{{- fail (printf "roles.%s.rollout: the journal of a watched folder belongs to one process, a second one never gets ready; set rollout: inPlace" $name) -}}
{{- end -}}
{{- if and $watches (gt (int $role.replicas.max) 1) -}}
{{- fail (printf "roles.%s.replicas: the journal of a watched folder belongs to one process; set max: 1" $name) -}}
{{- end -}}
{{- end -}}
{{- if and (eq (int $role.replicas.min) 0) (gt (int $role.replicas.max) 0) (not (and (eq $.Values.autoscaler.kind "keda") $role.scale.queue)) -}}
{{- fail (printf "roles.%s.replicas: only KEDA scales from 0, by the length of a queue; set min: 1" $name) -}}
{{- end -}}
{{- $most = add $most (ternary $role.replicas.min $role.replicas.max (eq $.Values.autoscaler.kind "none")) -}}
{{- $_ := set $roles $name $role -}}
{{- end -}}
{{- end -}}
{{- if and (gt (int .Values.capReplicas) 0) (gt (int $most) (int .Values.capReplicas)) -}}
{{- fail (printf "the roles may scale to %d pods together, capReplicas allows %d" (int $most) (int .Values.capReplicas)) -}}
{{- end -}}
{{- toYaml $roles -}}
{{- end -}}

{{/* The claim that holds the blobs. */}}
{{- define "hydra.claim" -}}
{{- default (printf "%s-blobs" (include "hydra.fullname" .)) .Values.blobs.existingClaim -}}
{{- end -}}
