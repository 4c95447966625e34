{#- Two dependencies may each have a rule of one name: what a test stores is named by the test's own id. -#}
{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
    {%- if node.resource_type == 'test' -%}
        {{ 'test_' ~ local_md5(node.unique_id)[:24] }}
    {%- else -%}
        {{ custom_alias_name or node.name }}
    {%- endif -%}
{%- endmacro %}
