curl --request POST \
  --url https://api.link-ai.tech/v1/images/generations \
  --header 'Authorization: Bearer YOUR_API_KEY' \
  --header 'Content-Type: application/json' \
  --data '{
  "model": "gpt-image-2",
  "prompt": "一只在月光下奔跑的白色狐狸,水彩画风格",
  "size": "2K",
  "aspect_ratio": "16:9"
}'
